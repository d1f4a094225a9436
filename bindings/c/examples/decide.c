/* Hears a call and decides: 20 ms of mu-law a read from standard input, as an Asterisk EAGI or AudioSocket handler would get them.
 *
 *   decide register CREDENTIAL < call.ulaw      writes the voice of the call to the file CREDENTIAL
 *   decide verify CREDENTIAL < call.ulaw        prints whether the caller is the one of that file
 *
 * Keys belong into a vault; here they stand beside the credential, in CREDENTIAL.key.
 *
 * Exit status: 0 registered or accepted; 1 refused; 2 something went wrong. */

#include <peakstream.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME = 160 };

/* A voice that is less likely than this to be live and human is refused. */
static const double AUTHENTICITY_THRESHOLD = 0.8;

static void check(peakstream_result result, const char *what) {
    if (result != PEAKSTREAM_RESULT_OK) {
        fprintf(stderr, "decide: %s: %s (%s)\n", what, peakstream_error_text(), peakstream_result_name(result));
        exit(2);
    }
}

/* Frames go in until there is enough speech, or the caller hangs up. */
static peakstream_speech *hear(const peakstream_engine *engine) {
    peakstream_call call;
    peakstream_stream *stream;
    peakstream_speech *speech;
    peakstream_status status;
    unsigned char frame[FRAME];
    size_t length;

    memset(&call, 0, sizeof call);
    call.codec = "mulaw";
    call.sample_rate = 8000;
    call.channel_type = PEAKSTREAM_CHANNEL_TELEPHONE;
    call.seconds = 5.0;
    check(peakstream_stream_open(engine, &call, &stream), "the call cannot be opened");
    while ((length = fread(frame, 1, sizeof frame, stdin)) > 0) {
        check(peakstream_stream_push(stream, frame, length, &status), "the call cannot be heard");
        if (status.boundary) {
            fprintf(stderr, "%6.2f s of audio, %5.2f s of speech, %3u %%\n", status.audio, status.net_speech, status.percentage);
        }
        if (status.enough) {
            break;
        }
    }
    check(peakstream_stream_finish(stream, &speech), "the call cannot be finished");
    return speech;
}

static void save(const char *name, const char *suffix, const void *bytes, size_t length) {
    char path[4096];
    FILE *file;
    snprintf(path, sizeof path, "%s%s", name, suffix);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0) {
        perror(path);
        exit(2);
    }
}

static size_t load(const char *name, const char *suffix, void *bytes, size_t room) {
    char path[4096];
    FILE *file;
    size_t length;
    snprintf(path, sizeof path, "%s%s", name, suffix);
    file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    length = fread(bytes, 1, room, file);
    fclose(file);
    return length;
}

static int register_voice(const peakstream_engine *engine, const peakstream_speech *speech, const char *name) {
    peakstream_decision decision;
    peakstream_credential *credential;
    peakstream_key key;
    char text[PEAKSTREAM_CREDENTIAL_TEXT_BYTES];
    size_t length = sizeof text;
    int live;

    check(peakstream_register(engine, speech, 0, &decision, &credential), "no registration");
    live = decision.authenticity >= AUTHENTICITY_THRESHOLD;
    printf("%s: authenticity %.3f, %.2f s of speech\n", live ? "registered" : "refused", decision.authenticity,
           decision.net_speech);
    if (live) {
        check(peakstream_key_generate(&key), "no key");
        check(peakstream_credential_seal(credential, &key, 1, NULL, text, &length), "the credential cannot be sealed");
        save(name, "", text, length - 1);
        save(name, ".key", &key, sizeof key);
    }
    peakstream_credential_free(credential);
    return live ? 0 : 1;
}

static int verify_voice(const peakstream_engine *engine, const peakstream_speech *speech, const char *name) {
    peakstream_decision decision;
    peakstream_credential *credential;
    peakstream_key key;
    char text[PEAKSTREAM_CREDENTIAL_TEXT_BYTES];
    double threshold;
    int accepted;

    if (load(name, ".key", &key, sizeof key) != sizeof key) {
        fprintf(stderr, "decide: %s.key is no key\n", name);
        return 2;
    }
    text[load(name, "", text, sizeof text - 1)] = '\0';
    check(peakstream_credential_open(&key, 1, NULL, text, &credential), "the credential cannot be opened");
    check(peakstream_verify(engine, speech, credential, 0, &decision), "no verification");
    check(peakstream_engine_threshold(engine, "far=1%", PEAKSTREAM_CHANNEL_TELEPHONE, PEAKSTREAM_CHANNEL_TELEPHONE,
                                      &threshold),
          "no threshold");
    accepted = decision.score >= threshold && decision.authenticity >= AUTHENTICITY_THRESHOLD;
    printf("%s: score %.3f (from %.3f), authenticity %.3f (from %.2f), %.2f s of speech\n",
           accepted ? "accepted" : "refused", decision.score, threshold, decision.authenticity, AUTHENTICITY_THRESHOLD,
           decision.net_speech);
    peakstream_credential_free(credential);
    return accepted ? 0 : 1;
}

int main(int count, char **arguments) {
    peakstream_engine *engine;
    peakstream_speech *speech;
    int registers = count == 3 && strcmp(arguments[1], "register") == 0;
    int status;

    if (count != 3 || (!registers && strcmp(arguments[1], "verify") != 0)) {
        fprintf(stderr, "usage: decide register|verify CREDENTIAL < 8-kHz-mu-law\n");
        return 2;
    }
    check(peakstream_engine_load(PEAKSTREAM_ABI_VERSION, NULL, &engine), "no engine");
    speech = hear(engine);
    status = registers ? register_voice(engine, speech, arguments[2]) : verify_voice(engine, speech, arguments[2]);
    peakstream_speech_free(speech);
    peakstream_engine_free(engine);
    return status;
}
