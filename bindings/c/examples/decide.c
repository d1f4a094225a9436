/* Hears a call and decides.
 *
 *   decide register CREDENTIAL < call.ulaw      writes the voice of the call to the file CREDENTIAL
 *   decide verify CREDENTIAL < call.ulaw        prints whether the caller is the one of that file
 *
 * reads 20 ms of mu-law at a time from standard input, as long as the call lasts. In Asterisk's dialplan, the same for a live call:
 *
 *   same => n,EAGI(decide,verify,/var/lib/callers/alice,eagi)
 *   same => n,GotoIf($["${PEAKSTREAM_RESULT}" = "accepted"]?welcome:person)
 *
 * with the audio as EAGI gives it: 20 ms of 16-bit samples at 8 kHz on descriptor 3, words on standard input and output. Sets the
 * channel's PEAKSTREAM_RESULT (registered, accepted, refused), PEAKSTREAM_SCORE and PEAKSTREAM_AUTHENTICITY.
 *
 * Keys belong into a vault; here they stand beside the credential, in CREDENTIAL.key.
 *
 * Exit status: 0 registered or accepted; 1 refused; 2 something went wrong. */

#define _POSIX_C_SOURCE 200809L /* fdopen */

#include <peakstream.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a call's audio comes from, and what it is. */
typedef struct source {
    FILE *audio;
    const char *codec;
    size_t frame; /* bytes of 20 ms */
    int eagi;
} source;

/* A voice that is less likely than this to be live and human is refused. */
static const double AUTHENTICITY_THRESHOLD = 0.8;

static void check(peakstream_result result, const char *what) {
    if (result != PEAKSTREAM_RESULT_OK) {
        fprintf(stderr, "decide: %s: %s (%s)\n", what, peakstream_error_text(), peakstream_result_name(result));
        exit(2);
    }
}

/* What Asterisk says first: its variables, a line each, and an empty line. */
static source from_asterisk(void) {
    source call = {NULL, "pcm", 320, 1};
    char line[1024];
    /* A hangup ends the audio, and the program with it; not the signal that comes beside. */
    signal(SIGHUP, SIG_IGN);
    while (fgets(line, sizeof line, stdin) != NULL && strcmp(line, "\n") != 0) {
    }
    call.audio = fdopen(3, "rb");
    if (call.audio == NULL) {
        perror("decide: descriptor 3 (is this EAGI, and not AGI?)");
        exit(2);
    }
    return call;
}

static source from_standard_input(void) {
    source call = {NULL, "mulaw", 160, 0};
    call.audio = stdin;
    return call;
}

/* A variable of the channel; Asterisk answers each command with a line. */
static void set_variable(const char *name, const char *value) {
    char line[1024];
    printf("SET VARIABLE PEAKSTREAM_%s \"%s\"\n", name, value);
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL || strncmp(line, "200 ", 4) != 0) {
        fprintf(stderr, "decide: Asterisk does not take %s\n", name);
    }
}

/* Says what was decided, and from where on a score would do. */
static void tell(const source *call, const char *result, const peakstream_decision *decision, double threshold) {
    char number[32];
    if (call->eagi) {
        snprintf(number, sizeof number, "%.3f", decision->authenticity);
        set_variable("AUTHENTICITY", number);
        snprintf(number, sizeof number, "%.3f", decision->score);
        set_variable("SCORE", isnan(decision->score) ? "" : number);
        set_variable("RESULT", result);
        return;
    }
    printf("%s: authenticity %.3f (from %.2f), %.2f s of speech", result, decision->authenticity, AUTHENTICITY_THRESHOLD,
           decision->net_speech);
    if (!isnan(decision->score)) {
        printf(", score %.3f (from %.3f)", decision->score, threshold);
    }
    printf("\n");
}

/* Frames go in until there is enough speech, or the caller hangs up. */
static peakstream_speech *hear(const peakstream_engine *engine, const source *from) {
    peakstream_call call;
    peakstream_stream *stream;
    peakstream_speech *speech;
    peakstream_status status;
    unsigned char frame[320];
    size_t length;

    memset(&call, 0, sizeof call);
    call.codec = from->codec;
    call.sample_rate = 8000;
    call.channel_type = PEAKSTREAM_CHANNEL_TELEPHONE;
    call.seconds = 5.0;
    check(peakstream_stream_open(engine, &call, &stream), "the call cannot be opened");
    while ((length = fread(frame, 1, from->frame, from->audio)) > 0) {
        check(peakstream_stream_push(stream, frame, length, &status), "the call cannot be heard");
        if (status.boundary) {
            fprintf(stderr, "%6.2f s of audio, %5.2f s of speech, %3u %%\n", status.audio, status.net_speech, status.percentage);
        }
        if (status.enough) {
            break;
        }
    }
    fclose(from->audio);
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

static int register_voice(const peakstream_engine *engine, const peakstream_speech *speech, const char *name, const source *call) {
    peakstream_decision decision;
    peakstream_credential *credential;
    peakstream_key key;
    char text[PEAKSTREAM_CREDENTIAL_TEXT_BYTES];
    size_t length = sizeof text;
    int live;

    check(peakstream_register(engine, speech, 0, &decision, &credential), "no registration");
    live = decision.authenticity >= AUTHENTICITY_THRESHOLD;
    if (live) {
        check(peakstream_key_generate(&key), "no key");
        check(peakstream_credential_seal(credential, &key, 1, NULL, text, &length), "the credential cannot be sealed");
        save(name, "", text, length - 1);
        save(name, ".key", &key, sizeof key);
    }
    tell(call, live ? "registered" : "refused", &decision, 0);
    peakstream_credential_free(credential);
    return live ? 0 : 1;
}

static int verify_voice(const peakstream_engine *engine, const peakstream_speech *speech, const char *name, const source *call) {
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
    tell(call, accepted ? "accepted" : "refused", &decision, threshold);
    peakstream_credential_free(credential);
    return accepted ? 0 : 1;
}

int main(int count, char **arguments) {
    peakstream_engine *engine;
    peakstream_speech *speech;
    source call;
    int eagi = count == 4 && strcmp(arguments[3], "eagi") == 0;
    int registers = count > 1 && strcmp(arguments[1], "register") == 0;
    int status;

    if ((count != 3 && !eagi) || (!registers && strcmp(arguments[1], "verify") != 0)) {
        fprintf(stderr, "usage: decide register|verify CREDENTIAL < 8-kHz-mu-law, or with eagi behind it, for Asterisk\n");
        return 2;
    }
    call = eagi ? from_asterisk() : from_standard_input();
    check(peakstream_engine_load(PEAKSTREAM_ABI_VERSION, NULL, &engine), "no engine");
    speech = hear(engine, &call);
    status = registers ? register_voice(engine, speech, arguments[2], &call) : verify_voice(engine, speech, arguments[2], &call);
    peakstream_speech_free(speech);
    peakstream_engine_free(engine);
    return status;
}
