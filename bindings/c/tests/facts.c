/* The facts of bindings/facts.json through the C library. A line of standard input is a call, its fields separated by tabs:
 *
 *   container codec rate channel-type seconds frame path against     against: the number of an earlier line, or -1 to register
 *
 * A line of standard output is what came of it, as JSON. */

#include <peakstream.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64, LONGEST = 16 << 20 };

static const char *const gates[] = {NULL,       "codec_mismatch",  "net_speech",        "signal_noise_ratio",
                                    "clipping", "band_limitation", "multiple_speakers", "music"};

static void number(const char *name, double value) {
    if (isnan(value)) {
        printf(", \"%s\": null", name);
    } else {
        printf(", \"%s\": %.17g", name, value);
    }
}

/* What came of a call, if it came to a decision. */
static peakstream_result decide(const peakstream_engine *engine, const peakstream_call *call, const unsigned char *bytes, size_t length,
                                size_t frame, const peakstream_credential *against, peakstream_credential **credential) {
    peakstream_stream *stream;
    peakstream_speech *speech;
    peakstream_status status;
    peakstream_decision said;
    peakstream_result result = peakstream_stream_open(engine, call, &stream);
    size_t at, boundaries = 0, gate;
    const char *comma = "";
    if (result != PEAKSTREAM_RESULT_OK) return result;
    for (at = 0; at < length && result == PEAKSTREAM_RESULT_OK; at += frame) {
        result = peakstream_stream_push(stream, bytes + at, length - at < frame ? length - at : frame, &status);
        boundaries += status.boundary;
    }
    if (result != PEAKSTREAM_RESULT_OK) {
        peakstream_stream_free(stream);
        return result;
    }
    peakstream_stream_finish(stream, &speech);
    result = against != NULL ? peakstream_verify(engine, speech, against, 0, &said) : peakstream_register(engine, speech, 0, &said, credential);
    peakstream_speech_free(speech);
    if (result != PEAKSTREAM_RESULT_OK) return result;
    printf("{\"outcome\": \"ok\", \"boundaries\": %zu, \"percentage\": %u, \"enough\": %s", boundaries, status.percentage,
           status.enough ? "true" : "false");
    number("audio", status.audio);
    number("net_speech", said.net_speech);
    number("score", said.score);
    number("authenticity", said.authenticity);
    number("llr", said.authenticity_llr);
    if (said.unjudged == PEAKSTREAM_QUALITY_GATE_NONE) {
        printf(", \"unjudged\": null, \"warnings\": [");
    } else {
        printf(", \"unjudged\": \"%s\", \"warnings\": [", gates[said.unjudged]);
    }
    for (gate = 1; gate < sizeof gates / sizeof gates[0]; gate++) {
        if (said.warnings >> gate & 1) {
            printf("%s\"%s\"", comma, gates[gate]);
            comma = ", ";
        }
    }
    printf("]}\n");
    return result;
}

int main(void) {
    static unsigned char bytes[LONGEST];
    peakstream_engine *engine;
    peakstream_credential *credentials[MOST] = {NULL};
    char line[4096];
    int count = 0, i;
    if (peakstream_engine_load(PEAKSTREAM_ABI_VERSION, NULL, &engine) != PEAKSTREAM_RESULT_OK) {
        fprintf(stderr, "facts: %s\n", peakstream_error_text());
        return 2;
    }
    while (count < MOST && fgets(line, sizeof line, stdin) != NULL) {
        char *field[8];
        peakstream_call call;
        peakstream_result result;
        FILE *file;
        size_t length;
        int against;
        for (i = 0; i < 8; i++) field[i] = strtok(i == 0 ? line : NULL, "\t\n");
        memset(&call, 0, sizeof call);
        call.container = field[0];
        call.codec = field[1];
        call.sample_rate = (uint32_t)atol(field[2]);
        call.channel_type = strcmp(field[3], "microphone") == 0 ? PEAKSTREAM_CHANNEL_MICROPHONE : PEAKSTREAM_CHANNEL_TELEPHONE;
        call.seconds = atof(field[4]);
        file = fopen(field[6], "rb");
        if (file == NULL) {
            perror(field[6]);
            return 2;
        }
        length = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        against = atoi(field[7]);
        result = decide(engine, &call, bytes, length, (size_t)atol(field[5]), against < 0 ? NULL : credentials[against],
                        &credentials[count++]);
        if (result != PEAKSTREAM_RESULT_OK) printf("{\"outcome\": \"%s\"}\n", peakstream_result_name(result));
    }
    for (i = 0; i < count; i++) peakstream_credential_free(credentials[i]);
    peakstream_engine_free(engine);
    return 0;
}
