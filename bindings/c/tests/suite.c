/* The library as a program uses it: suite ENROL.wav SAME.wav OTHER.wav, recordings of 8 kHz, 16-bit, mono, 44 bytes of header.
 *
 * PEAKSTREAM_STEPS: how many random calls in random order (default 20000), PEAKSTREAM_SEED: which ones. PEAKSTREAM_SECONDS: most speech
 * that is decided on (default 30). */

#include <peakstream.h>

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static int failures;

#define CHECK(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: not so: %s (last words: %s)\n", __FILE__, __LINE__, #condition, peakstream_error_text()); \
            failures++;                                                               \
        }                                                                             \
    } while (0)
#define OK(call) CHECK((call) == PEAKSTREAM_RESULT_OK)
#define REFUSED(result, call) CHECK((call) == PEAKSTREAM_RESULT_##result && peakstream_error_text()[0] != '\0')

/* ---- what allocates, counted for the whole program, the library included; not beside tools that replace malloc themselves */

#ifndef WITHOUT_COUNTING
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static atomic_long allocations;

void *malloc(size_t size) { return atomic_fetch_add(&allocations, 1), __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return atomic_fetch_add(&allocations, 1), __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return atomic_fetch_add(&allocations, 1), __libc_realloc(old, size); }
void *memalign(size_t alignment, size_t size) { return atomic_fetch_add(&allocations, 1), __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void **to, size_t alignment, size_t size) { return (*to = memalign(alignment, size)) == NULL ? 12 : 0; }
void free(void *memory) {
    atomic_fetch_add(&allocations, memory != NULL);
    __libc_free(memory);
}
#endif

/* ---- calls */

typedef struct recording {
    unsigned char *bytes;
    size_t length;
} recording;

static recording read_wav(const char *path) {
    enum { HEADER = 44, MOST = 16 << 20 };
    recording read = {malloc(MOST), 0};
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, HEADER, SEEK_SET) != 0) {
        perror(path);
        exit(2);
    }
    read.length = fread(read.bytes, 1, MOST, file);
    fclose(file);
    return read;
}

static peakstream_call linear(double seconds) {
    peakstream_call call;
    memset(&call, 0, sizeof call);
    call.codec = "pcm";
    call.sample_rate = 8000;
    call.seconds = seconds;
    return call;
}

static peakstream_stream *opened(const peakstream_engine *engine, double seconds) {
    peakstream_call call = linear(seconds);
    peakstream_stream *stream = NULL;
    OK(peakstream_stream_open(engine, &call, &stream));
    return stream;
}

static peakstream_speech *heard(const peakstream_engine *engine, recording audio, double seconds) {
    peakstream_stream *stream = opened(engine, seconds);
    peakstream_speech *speech = NULL;
    OK(peakstream_stream_push(stream, audio.bytes, audio.length, NULL));
    OK(peakstream_stream_finish(stream, &speech));
    return speech;
}

static long setting(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text != NULL ? atol(text) : otherwise;
}

/* ---- tests */

static void a_program_for_another_version_is_told_so(void) {
    peakstream_engine *engine = (peakstream_engine *)1;
    CHECK(peakstream_abi_version() == PEAKSTREAM_ABI_VERSION && strchr(peakstream_version(), '.') != NULL);
    REFUSED(ABI_MISMATCH, peakstream_engine_load(PEAKSTREAM_ABI_VERSION + 1, NULL, &engine));
    REFUSED(INVALID_ARGUMENT, peakstream_engine_load(PEAKSTREAM_ABI_VERSION, NULL, NULL));
    REFUSED(MODELS_NOT_FOUND, peakstream_engine_load(PEAKSTREAM_ABI_VERSION, "/no/such/folder", &engine));
    CHECK(engine == NULL);
    CHECK(strcmp(peakstream_result_name(PEAKSTREAM_RESULT_BUSY), "busy") == 0);
    CHECK(strcmp(peakstream_result_name(-7), "unknown") == 0);
}

/* Where the processor has the instructions; where it has not (under valgrind, for one), that is said. */
static void voices_of_one_precision_are_known_in_the_other(const peakstream_engine *exact, recording enrol, recording same) {
    peakstream_engine *bytes = (peakstream_engine *)1;
    peakstream_speech *registered = heard(exact, enrol, 5), *speech = heard(exact, same, 5);
    peakstream_credential *credential;
    peakstream_decision of_numbers, of_bytes;
    REFUSED(INVALID_ARGUMENT, peakstream_engine_load_with(PEAKSTREAM_ABI_VERSION, NULL, 7, &bytes));
    CHECK(bytes == NULL && strstr(peakstream_error_text(), "precision is 7") != NULL);
    OK(peakstream_register(exact, registered, 0, NULL, &credential));
    OK(peakstream_verify(exact, speech, credential, 0, &of_numbers));
    if (peakstream_engine_load_with(PEAKSTREAM_ABI_VERSION, NULL, PEAKSTREAM_PRECISION_INT8, &bytes) == PEAKSTREAM_RESULT_OK) {
        OK(peakstream_verify(bytes, speech, credential, 0, &of_bytes));
        CHECK(of_bytes.score != of_numbers.score && fabs(of_bytes.score - of_numbers.score) < 0.02);
        OK(peakstream_engine_free(bytes));
    } else {
        CHECK(bytes == NULL && strstr(peakstream_error_text(), "AVX-512 VNNI") != NULL);
    }
    peakstream_credential_free(credential);
    peakstream_speech_free(registered);
    peakstream_speech_free(speech);
}

static void what_is_wrong_with_a_call_is_said_when_it_is_opened(const peakstream_engine *engine) {
    peakstream_stream *stream;
    peakstream_call call = linear(5);
    call.codec = "speex";
    call.sample_rate = 11025;
    REFUSED(UNSUPPORTED_FORMAT, peakstream_stream_open(engine, &call, &stream));
    CHECK(stream == NULL && strstr(peakstream_error_text(), "audio_codec") != NULL);
    CHECK(strstr(peakstream_error_text(), "11025") != NULL);
    call = linear(0);
    REFUSED(INVALID_ARGUMENT, peakstream_stream_open(engine, &call, &stream));
    call = linear(NAN);
    REFUSED(INVALID_ARGUMENT, peakstream_stream_open(engine, &call, &stream));
    call = linear(5);
    call.channel_type = PEAKSTREAM_CHANNEL_MICROPHONE;
    REFUSED(NARROW_BAND, peakstream_stream_open(engine, &call, &stream));
    call.channel_type = 77;
    REFUSED(INVALID_ARGUMENT, peakstream_stream_open(engine, &call, &stream));
    call = linear(5);
    call.codec = NULL;
    REFUSED(INVALID_ARGUMENT, peakstream_stream_open(engine, &call, &stream));
    call.codec = "\xff\xfe";
    REFUSED(INVALID_ARGUMENT, peakstream_stream_open(engine, &call, &stream));
    REFUSED(INVALID_ARGUMENT, peakstream_stream_open(engine, NULL, &stream));
    REFUSED(INVALID_ARGUMENT, peakstream_stream_open(engine, &call, NULL));
}

static void a_call_collects_speech_without_allocating(const peakstream_engine *engine, recording audio) {
    peakstream_stream *stream = opened(engine, 5);
    peakstream_status status = {0}, asked;
    peakstream_speech *speech;
    double last = 0;
    size_t at, frame = 320, count = 0;
    uint32_t rate = 0;
    int16_t *samples;
#ifndef WITHOUT_COUNTING
    long before = atomic_load(&allocations);
#endif
    for (at = 0; at + frame <= audio.length && !status.enough; at += frame) {
        OK(peakstream_stream_push(stream, audio.bytes + at, frame, &status));
        CHECK(status.net_speech >= last && status.net_speech <= status.audio);
        last = status.net_speech;
    }
#ifndef WITHOUT_COUNTING
    CHECK(atomic_load(&allocations) == before);
#endif
    CHECK(status.enough && status.boundary && status.percentage >= 100 && status.net_speech >= 5);
    /* The rest of the last frame lies behind the boundary at which there was enough. */
    CHECK(status.audio <= (double)at / 16000 && status.audio > (double)(at - frame) / 16000);
    OK(peakstream_stream_push(stream, audio.bytes, audio.length, &status));
    CHECK(status.net_speech == last && "what comes after enough is without effect");
    OK(peakstream_stream_status(stream, &asked));
    CHECK(asked.net_speech == last && asked.enough);
    OK(peakstream_stream_finish(stream, &speech));
    REFUSED(INVALID_HANDLE, peakstream_stream_push(stream, audio.bytes, frame, &status));

    OK(peakstream_speech_samples(speech, NULL, &count, &rate));
    CHECK(rate == 8000 && fabs((double)count / rate - last) < 0.2);
    samples = malloc(count * sizeof *samples);
    count--;
    REFUSED(BUFFER_TOO_SMALL, peakstream_speech_samples(speech, samples, &count, NULL));
    OK(peakstream_speech_samples(speech, samples, &count, NULL));
    free(samples);
    OK(peakstream_speech_free(speech));
}

static void bytes_that_are_something_else_are_a_fault_once(const peakstream_engine *engine, recording audio) {
    peakstream_call call = linear(5);
    peakstream_stream *stream;
    call.codec = "alaw";
    OK(peakstream_stream_open(engine, &call, &stream));
    REFUSED(CODEC_MISMATCH, peakstream_stream_push(stream, audio.bytes, audio.length, NULL));
    OK(peakstream_stream_push(stream, audio.bytes, audio.length, NULL));
    OK(peakstream_stream_free(stream));
    call.tolerate_mismatch = true;
    OK(peakstream_stream_open(engine, &call, &stream));
    OK(peakstream_stream_push(stream, audio.bytes, audio.length, NULL));
    OK(peakstream_stream_free(stream));
}

static void a_caller_is_registered_and_known_again(const peakstream_engine *engine, recording enrol, recording same, recording other) {
    double most = (double)setting("PEAKSTREAM_SECONDS", 30);
    peakstream_speech *first = heard(engine, enrol, most), *again = heard(engine, same, most), *stranger = heard(engine, other, most);
    peakstream_speech *brief = heard(engine, (recording){enrol.bytes, 30000}, 30);
    peakstream_decision said, heard_again, heard_other;
    peakstream_credential *credential, *opened_again;
    peakstream_credential_info info;
    peakstream_key keys[2];
    double threshold, itself;
    char text[PEAKSTREAM_CREDENTIAL_TEXT_BYTES];
    size_t length = sizeof text, needed = 0;

    OK(peakstream_register(engine, first, 0, &said, &credential));
    CHECK(isnan(said.score) && said.authenticity > 0.8 && said.authenticity <= 1 && said.unjudged == PEAKSTREAM_QUALITY_GATE_NONE);
    OK(peakstream_engine_threshold(engine, "far=1%", PEAKSTREAM_CHANNEL_TELEPHONE, PEAKSTREAM_CHANNEL_TELEPHONE, &threshold));
    OK(peakstream_verify(engine, again, credential, 0, &heard_again));
    OK(peakstream_verify(engine, stranger, credential, 0, &heard_other));
    CHECK(heard_again.score >= threshold && heard_other.score < threshold);
    OK(peakstream_authenticity(engine, again, 0.5, &said));
    CHECK(said.authenticity < heard_again.authenticity && said.authenticity_llr == heard_again.authenticity_llr);
    OK(peakstream_compare(engine, credential, credential, &itself));
    CHECK(itself > heard_again.score);

    REFUSED(TOO_LITTLE_SPEECH, peakstream_register(engine, brief, 0, NULL, &opened_again));
    CHECK(opened_again == NULL);
    REFUSED(INVALID_ARGUMENT, peakstream_verify(engine, again, credential, 1.5, &said));
    REFUSED(INVALID_ARGUMENT, peakstream_verify(engine, again, credential, 0, NULL));
    REFUSED(NO_THRESHOLD, peakstream_engine_threshold(engine, "far=33%", 0, 0, &threshold));
    REFUSED(INVALID_ARGUMENT, peakstream_engine_threshold(engine, "good", 0, 0, &threshold));

    OK(peakstream_key_generate(&keys[0]));
    OK(peakstream_key_generate(&keys[1]));
    CHECK(memcmp(&keys[0], &keys[1], sizeof keys[0]) != 0);
    REFUSED(INVALID_ARGUMENT, peakstream_credential_seal(credential, keys, 0, NULL, text, &length));
    OK(peakstream_credential_seal(credential, &keys[1], 1, "anna", NULL, &needed));
    length = needed - 1;
    REFUSED(BUFFER_TOO_SMALL, peakstream_credential_seal(credential, &keys[1], 1, "anna", text, &length));
    CHECK(length == needed);
    OK(peakstream_credential_seal(credential, &keys[1], 1, "anna", text, &length));
    CHECK(length == needed && strlen(text) + 1 == length);
    OK(peakstream_credential_open(keys, 2, "anna", text, &opened_again));
    OK(peakstream_verify(engine, again, opened_again, 0, &said));
    CHECK(said.score == heard_again.score);
    OK(peakstream_credential_inspect(opened_again, &info));
    CHECK(info.created_at > 1700000000u && info.channel_type == PEAKSTREAM_CHANNEL_TELEPHONE && strlen(info.model) == 56);
    CHECK(strncmp(info.calibration, "telephone-channel@", 18) == 0);
    OK(peakstream_credential_free(opened_again));
    REFUSED(INVALID_HANDLE, peakstream_credential_free(opened_again));
    REFUSED(CREDENTIAL_REFUSED, peakstream_credential_open(keys, 2, "otto", text, &opened_again));
    REFUSED(UNKNOWN_KEY, peakstream_credential_open(keys, 1, "anna", text, &opened_again));
    REFUSED(NOT_A_CREDENTIAL, peakstream_credential_open(keys, 2, "anna", "hello", &opened_again));
    text[length / 2] = text[length / 2] == 'A' ? 'B' : 'A';
    REFUSED(CREDENTIAL_REFUSED, peakstream_credential_open(keys, 2, "anna", text, &opened_again));

    OK(peakstream_speech_free(first));
    OK(peakstream_speech_free(again));
    OK(peakstream_speech_free(stranger));
    OK(peakstream_speech_free(brief));
    OK(peakstream_credential_free(credential));
}

static void a_handle_is_refused_when_it_was_freed_or_is_something_else(const peakstream_engine *engine) {
    peakstream_stream *stream = opened(engine, 1), *next;
    peakstream_status status;
    OK(peakstream_stream_free(stream));
    REFUSED(INVALID_HANDLE, peakstream_stream_free(stream));
    next = opened(engine, 1);
    CHECK(next != stream);
    REFUSED(INVALID_HANDLE, peakstream_stream_status(stream, &status));
    REFUSED(INVALID_HANDLE, peakstream_stream_status(NULL, &status));
    REFUSED(INVALID_HANDLE, peakstream_stream_status((peakstream_stream *)&status, &status));
    REFUSED(INVALID_HANDLE, peakstream_stream_status((peakstream_stream *)engine, &status));
    REFUSED(INVALID_HANDLE, peakstream_engine_free((peakstream_engine *)next));
    OK(peakstream_stream_free(next));
    OK(peakstream_stream_free(NULL));
    OK(peakstream_engine_free(NULL));
    OK(peakstream_speech_free(NULL));
    OK(peakstream_credential_free(NULL));
}

/* ---- several threads */

typedef struct shared {
    const peakstream_engine *engine;
    recording audio;
    peakstream_stream *_Atomic stream;
    atomic_int pushed, busy, others;
} shared;

static void *push_into_one_call(void *argument) {
    shared *all = argument;
    int i;
    for (i = 0; i < 400; i++) {
        switch (peakstream_stream_push(all->stream, all->audio.bytes, 320, NULL)) {
        case PEAKSTREAM_RESULT_OK: atomic_fetch_add(&all->pushed, 1); break;
        case PEAKSTREAM_RESULT_BUSY: atomic_fetch_add(&all->busy, 1); break;
        default: atomic_fetch_add(&all->others, 1);
        }
    }
    return NULL;
}

static void *decide(void *argument) {
    shared *all = argument;
    peakstream_speech *speech = heard(all->engine, all->audio, (double)setting("PEAKSTREAM_SECONDS", 5));
    peakstream_decision said;
    OK(peakstream_authenticity(all->engine, speech, 0, &said));
    OK(peakstream_speech_free(speech));
    return NULL;
}

static void threads_share_an_engine_and_not_a_call(const peakstream_engine *engine, recording audio) {
    shared all = {engine, audio, opened(engine, 5), 0, 0, 0};
    pthread_t threads[4];
    size_t i;
    for (i = 0; i < COUNT(threads); i++) CHECK(pthread_create(&threads[i], NULL, push_into_one_call, &all) == 0);
    for (i = 0; i < COUNT(threads); i++) pthread_join(threads[i], NULL);
    CHECK(all.pushed + all.busy == 400 * (int)COUNT(threads) && all.others == 0 && all.pushed > 0);
    OK(peakstream_stream_free(all.stream));
    for (i = 0; i < COUNT(threads); i++) CHECK(pthread_create(&threads[i], NULL, decide, &all) == 0);
    for (i = 0; i < COUNT(threads); i++) pthread_join(threads[i], NULL);
}

/* ---- random calls in random order */

static uint64_t state;

static uint32_t random_below(uint32_t bound) {
    /* xorshift64* (Vigna 2016) */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545F4914F6CDD1Dull) >> 33) % bound;
}

enum { SLOTS = 6 };

/* A slot holds a living handle, one that was freed, or rubbish. */
static void *any(void **slots) {
    static char rubbish[8];
    switch (random_below(12)) {
    case 0: return NULL;
    case 1: return rubbish;
    case 2: return (void *)(uintptr_t)((uint64_t)random_below(1u << 31) << 33 | random_below(9));
    default: return slots[random_below(SLOTS)];
    }
}

static void random_calls(peakstream_engine *engine, recording audio, long steps) {
    static const char *const codecs[] = {"mulaw", "alaw", "pcm", "g722", "opus", "", NULL, "speex"};
    static const char *const containers[] = {NULL, "raw", "wav", "ogg", "x"};
    static const uint32_t rates[] = {8000, 16000, 48000, 44100, 12000, 0, 11025, 4000000000u};
    static const double lengths[] = {1, 0.5, 3, 0, -1, 121, NAN, INFINITY};
    void *streams[SLOTS] = {0}, *speeches[SLOTS] = {0}, *credentials[SLOTS] = {0}, *engines[SLOTS] = {0};
    peakstream_status status;
    peakstream_decision said;
    peakstream_credential_info info;
    peakstream_key key;
    char text[2500];
    double number;
    int16_t samples[1000];
    size_t length, i;
    uint32_t rate;
    long heavy = 0;
    for (i = 0; i < SLOTS; i++) engines[i] = engine;
    OK(peakstream_key_generate(&key));
    while (steps-- > 0) {
        void *stream = any(streams), *speech = any(speeches), *credential = any(credentials), *loaded = any(engines);
        switch (random_below(16)) {
        case 0: {
            peakstream_call call = linear(lengths[random_below(COUNT(lengths))]);
            call.codec = codecs[random_below(COUNT(codecs))];
            call.container = containers[random_below(COUNT(containers))];
            call.sample_rate = rates[random_below(COUNT(rates))];
            call.channels = (uint16_t)random_below(4);
            call.channel = (uint16_t)random_below(4);
            call.channel_type = random_below(3);
            call.tolerate_mismatch = random_below(2) == 0;
            if (random_below(3) != 0) call = linear(1);
            i = random_below(SLOTS);
            peakstream_stream_free(streams[i]);
            peakstream_stream_open(loaded, random_below(20) ? &call : NULL, (peakstream_stream **)&streams[i]);
            break;
        }
        case 1: peakstream_stream_free(stream); break;
        case 2: peakstream_stream_status(stream, random_below(9) ? &status : NULL); break;
        case 3:
            i = random_below(SLOTS);
            peakstream_speech_free(speeches[i]);
            peakstream_stream_finish(stream, (peakstream_speech **)&speeches[i]);
            break;
        case 4: peakstream_speech_free(speech); break;
        case 5:
            length = random_below(COUNT(samples) + 1);
            peakstream_speech_samples(speech, random_below(3) ? samples : NULL, random_below(9) ? &length : NULL, &rate);
            break;
        case 6:
            if (heavy++ % 32 == 0) {
                i = random_below(SLOTS);
                peakstream_credential_free(credentials[i]);
                peakstream_register(loaded, speech, 0, &said, (peakstream_credential **)&credentials[i]);
            }
            break;
        case 7:
            if (heavy++ % 32 == 0) peakstream_verify(loaded, speech, credential, random_below(2), &said);
            break;
        case 8: peakstream_compare(loaded, credential, any(credentials), &number); break;
        case 9: peakstream_credential_free(credential); break;
        case 10: peakstream_credential_inspect(credential, &info); break;
        case 11:
            length = random_below(sizeof text + 1);
            peakstream_credential_seal(credential, &key, random_below(2), NULL, text, &length);
            break;
        case 12: {
            char noise[200];
            for (i = 0; i < sizeof noise; i++) noise[i] = (char)random_below(256);
            noise[random_below(sizeof noise)] = '\0';
            noise[sizeof noise - 1] = '\0';
            i = random_below(SLOTS);
            peakstream_credential_free(credentials[i]);
            peakstream_credential_open(&key, 1, NULL, noise, (peakstream_credential **)&credentials[i]);
            break;
        }
        default:
            length = random_below(random_below(8) ? 2000 : 60000);
            if (length > audio.length) length = audio.length;
            i = random_below((uint32_t)(audio.length - length + 1)) & ~(size_t)1;
            peakstream_stream_push(stream, random_below(30) ? audio.bytes + i : NULL, length, random_below(2) ? &status : NULL);
        }
    }
    for (i = 0; i < SLOTS; i++) {
        peakstream_stream_free(streams[i]);
        peakstream_speech_free(speeches[i]);
        peakstream_credential_free(credentials[i]);
    }
}

int main(int count, char **arguments) {
    peakstream_engine *engine;
    recording enrol, same, other;
    if (count != 4) {
        fprintf(stderr, "usage: suite ENROL.wav SAME.wav OTHER.wav\n");
        return 2;
    }
    enrol = read_wav(arguments[1]);
    same = read_wav(arguments[2]);
    other = read_wav(arguments[3]);

    a_program_for_another_version_is_told_so();
    OK(peakstream_engine_load(PEAKSTREAM_ABI_VERSION, NULL, &engine));
    voices_of_one_precision_are_known_in_the_other(engine, enrol, same);
    what_is_wrong_with_a_call_is_said_when_it_is_opened(engine);
    a_call_collects_speech_without_allocating(engine, enrol);
    bytes_that_are_something_else_are_a_fault_once(engine, enrol);
    a_caller_is_registered_and_known_again(engine, enrol, same, other);
    a_handle_is_refused_when_it_was_freed_or_is_something_else(engine);
    threads_share_an_engine_and_not_a_call(engine, enrol);
    state = (uint64_t)setting("PEAKSTREAM_SEED", 20261122);
    random_calls(engine, enrol, setting("PEAKSTREAM_STEPS", 20000));
    OK(peakstream_engine_free(engine));
    REFUSED(INVALID_HANDLE, peakstream_engine_free(engine));
    free(enrol.bytes);
    free(same.bytes);
    free(other.bytes);
    printf("suite: %s\n", failures == 0 ? "all is as it should be" : "FAILED");
    return failures != 0;
}
