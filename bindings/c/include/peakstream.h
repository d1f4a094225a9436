/* peakstream: real-time voice biometrics, as a C library.
 *
 * Made of bindings/c/src by cbindgen; do not edit.
 *
 * A call's bytes go into a stream, frame by frame, in the audio thread; when its status says that there is enough speech, it is finished,
 * and another thread registers the voice (a credential) or verifies it (a score), with an authenticity beside it.
 *
 *   peakstream_engine_load -> peakstream_stream_open -> peakstream_stream_push ... -> peakstream_stream_finish
 *     -> peakstream_register -> peakstream_credential_seal
 *     -> peakstream_verify      (peakstream_credential_open)
 *
 * Results: every call that may fail returns a peakstream_result; peakstream_error_text has the words, for each thread its own.
 *
 * Handles: pointers that point nowhere. They are numbers that the library looks up, so that one that was freed, or belongs to something
 * else, or is used by two threads at once, is answered with an error and never with a crash. Pass them on, compare them with NULL,
 * free them once. What a failing call writes through a pointer to a handle is NULL.
 *
 * Buffers: the caller's, always. The library keeps no pointer to them after a call returns.
 *
 * After fork() a child may not use what its parent has opened.
 */

#ifndef PEAKSTREAM_H
#define PEAKSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Version of this interface. A program passes it to peakstream_engine_load, so that one that was compiled for another
 * version is told so and not answered wrongly.
 */
#define PEAKSTREAM_ABI_VERSION 1

/**
 * Bytes that are always enough for the text of a credential, with its final zero.
 */
#define PEAKSTREAM_CREDENTIAL_TEXT_BYTES 16385

/**
 * What came of a call. Everything but PEAKSTREAM_RESULT_OK leaves its words in peakstream_error_text.
 */
enum peakstream_result
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Done.
   */
  PEAKSTREAM_RESULT_OK = 0,
  /**
   * A null pointer, a text that is not UTF-8, or a value outside its range.
   */
  PEAKSTREAM_RESULT_INVALID_ARGUMENT = 1,
  /**
   * No folder with models.
   */
  PEAKSTREAM_RESULT_MODELS_NOT_FOUND = 2,
  /**
   * Models that are damaged or do not reproduce their golden vectors on this machine.
   */
  PEAKSTREAM_RESULT_MODELS_INVALID = 3,
  /**
   * An audio format that is not supported.
   */
  PEAKSTREAM_RESULT_UNSUPPORTED_FORMAT = 4,
  /**
   * 8 kHz audio for the microphone channel.
   */
  PEAKSTREAM_RESULT_NARROW_BAND = 5,
  /**
   * Bytes that are not what was declared.
   */
  PEAKSTREAM_RESULT_CODEC_MISMATCH = 6,
  /**
   * Bytes that cannot be decoded.
   */
  PEAKSTREAM_RESULT_INVALID_AUDIO = 7,
  /**
   * Not enough speech for a decision: less than three seconds.
   */
  PEAKSTREAM_RESULT_TOO_LITTLE_SPEECH = 8,
  /**
   * Speech that a quality gate refuses.
   */
  PEAKSTREAM_RESULT_POOR_QUALITY = 9,
  /**
   * A text that is no credential.
   */
  PEAKSTREAM_RESULT_NOT_A_CREDENTIAL = 10,
  /**
   * A credential sealed with another key.
   */
  PEAKSTREAM_RESULT_UNKNOWN_KEY = 11,
  /**
   * A credential of another tenant, or one that was changed.
   */
  PEAKSTREAM_RESULT_CREDENTIAL_REFUSED = 12,
  /**
   * Voices that cannot be compared: of different models, or a full band with nothing of a telephone's.
   */
  PEAKSTREAM_RESULT_NOT_COMPARABLE = 13,
  /**
   * A threshold that the calibration does not know.
   */
  PEAKSTREAM_RESULT_NO_THRESHOLD = 14,
  /**
   * A file that cannot be read.
   */
  PEAKSTREAM_RESULT_FILE = 15,
  /**
   * A handle that was freed, or never was one, or that a defect made unusable.
   */
  PEAKSTREAM_RESULT_INVALID_HANDLE = 16,
  /**
   * Another thread is using this handle.
   */
  PEAKSTREAM_RESULT_BUSY = 17,
  /**
   * The program was compiled for another version of the interface.
   */
  PEAKSTREAM_RESULT_ABI_MISMATCH = 18,
  /**
   * A buffer that is too small; how much is needed has been written.
   */
  PEAKSTREAM_RESULT_BUFFER_TOO_SMALL = 19,
  /**
   * A defect of the library, or a system without random numbers.
   */
  PEAKSTREAM_RESULT_INTERNAL = 20,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum peakstream_result peakstream_result;
#else
typedef int32_t peakstream_result;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What the voice comes through: decides the front end and the calibration.
 */
enum peakstream_channel
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Everything is limited to the telephone band.
   */
  PEAKSTREAM_CHANNEL_TELEPHONE = 0,
  /**
   * The full band; needs 16 kHz or more.
   */
  PEAKSTREAM_CHANNEL_MICROPHONE = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum peakstream_channel peakstream_channel;
#else
typedef uint32_t peakstream_channel;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * One reason why speech may not carry a decision, or is not judged for authenticity. docs/quality-gates.md has figures and limits.
 */
enum peakstream_quality_gate
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * None.
   */
  PEAKSTREAM_QUALITY_GATE_NONE = 0,
  /**
   * The bytes are not what was declared.
   */
  PEAKSTREAM_QUALITY_GATE_CODEC_MISMATCH = 1,
  /**
   * Too little speech.
   */
  PEAKSTREAM_QUALITY_GATE_NET_SPEECH = 2,
  /**
   * Too much noise.
   */
  PEAKSTREAM_QUALITY_GATE_SIGNAL_NOISE_RATIO = 3,
  /**
   * Peaks cut off.
   */
  PEAKSTREAM_QUALITY_GATE_CLIPPING = 4,
  /**
   * Less than the telephone band.
   */
  PEAKSTREAM_QUALITY_GATE_BAND_LIMITATION = 5,
  /**
   * More than one person talks.
   */
  PEAKSTREAM_QUALITY_GATE_MULTIPLE_SPEAKERS = 6,
  /**
   * Music.
   */
  PEAKSTREAM_QUALITY_GATE_MUSIC = 7,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum peakstream_quality_gate peakstream_quality_gate;
#else
typedef uint32_t peakstream_quality_gate;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What the speaker network is computed in. Voices of both can be compared with each other.
 */
enum peakstream_precision
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * 32-bit floating point: the most exact, on every machine.
   */
  PEAKSTREAM_PRECISION_F32 = 0,
  /**
   * Bytes: less than half the time, scores move a little; needs AVX-512 VNNI.
   */
  PEAKSTREAM_PRECISION_INT8 = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum peakstream_precision peakstream_precision;
#else
typedef uint32_t peakstream_precision;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A registered voice. Shared by all threads, never changes. Biometric data: wiped when freed.
 */
typedef struct peakstream_credential peakstream_credential;

/**
 * Models, loaded and proved. Shared by all threads.
 */
typedef struct peakstream_engine peakstream_engine;

/**
 * The speech that a call has collected. Shared by all threads, never changes. Biometric data: wiped when freed.
 */
typedef struct peakstream_speech peakstream_speech;

/**
 * One live call. One thread at a time; it may be a different one each time.
 */
typedef struct peakstream_stream peakstream_stream;

/**
 * What the bytes of a call are, and how much speech it is to give. Zero everything, then set what is needed.
 */
typedef struct peakstream_call {
  /**
   * "raw", "wav" (a header in the stream) or "ogg"; NULL is "raw".
   */
  const char *container;
  /**
   * "mulaw", "alaw", "pcm", "g722" or "opus".
   */
  const char *codec;
  /**
   * Layout of "pcm": "s16le", "s16be" or "f32le"; NULL is "s16le". NULL for the other codecs.
   */
  const char *sample_format;
  /**
   * Hertz: 8000, 12000, 16000, 24000, 32000, 44100 or 48000.
   */
  uint32_t sample_rate;
  /**
   * Interleaved channels, 1 or 2; 0 is 1.
   */
  uint16_t channels;
  /**
   * The caller's channel, counted from 1; 0 is 1.
   */
  uint16_t channel;
  /**
   * One of peakstream_channel.
   */
  uint32_t channel_type;
  /**
   * Whether the call goes on although its bytes look like something else than what was declared.
   */
  bool tolerate_mismatch;
  /**
   * Seconds of net speech that are enough, above 0 and at most 120; 5 is a good choice. Memory: 250 kB and 155 kB a second.
   */
  double seconds;
} peakstream_call;

/**
 * How far a call is.
 */
typedef struct peakstream_status {
  /**
   * Seconds of net speech collected; never decreases.
   */
  double net_speech;
  /**
   * Seconds of audio received, speech or not.
   */
  double audio;
  /**
   * Net speech as a percentage of what was asked for, truncated, not capped.
   */
  uint32_t percentage;
  /**
   * Whether the speech asked for is there: finish the call. Decided at every 4,096th sample at 8 kHz, 8,192nd above.
   */
  bool enough;
  /**
   * Whether such a boundary lay in the bytes pushed: a good moment to report.
   */
  bool boundary;
} peakstream_status;

/**
 * What some speech says of its speaker.
 */
typedef struct peakstream_decision {
  /**
   * Calibrated similarity with the credential, 0 to 1; 0.5 is the point of equal cost. Not a number where nothing was compared.
   */
  double score;
  /**
   * Posterior probability, 0 to 1, that the voice is live and human, at the attack rate given.
   */
  double authenticity;
  /**
   * Evidence for that as a natural logarithm; not a number where nothing was judged.
   */
  double authenticity_llr;
  /**
   * Seconds of net speech it was made of.
   */
  double net_speech;
  /**
   * Why the authenticity was not judged: one of peakstream_quality_gate, PEAKSTREAM_QUALITY_GATE_NONE if it was.
   */
  uint32_t unjudged;
  /**
   * Quality gates that the speech does not pass, the bit 1 << gate for each.
   */
  uint32_t warnings;
} peakstream_decision;

/**
 * A secret that seals credentials, and the identity by which they find it again. Both random; the identity is not secret.
 */
typedef struct peakstream_key {
  /**
   * Identity.
   */
  uint8_t id[8];
  /**
   * Secret.
   */
  uint8_t secret[32];
} peakstream_key;

/**
 * What a credential says of itself.
 */
typedef struct peakstream_credential_info {
  /**
   * Seconds since 1970-01-01 UTC.
   */
  uint64_t created_at;
  /**
   * One of peakstream_channel.
   */
  uint32_t channel_type;
  /**
   * The model that made it: 56 hexadecimal digits and a zero.
   */
  char model[57];
  /**
   * The calibration in force at registration, such as "telephone-channel@1f3a90c2", and a zero.
   */
  char calibration[64];
} peakstream_credential_info;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the interface that this library has.
 *
 * Any thread, at any time. Real-time safe.
 */
uint32_t peakstream_abi_version(void);

/**
 * The version of the library, such as "0.1.0".
 *
 * Any thread, at any time. Real-time safe.
 */
const char *peakstream_version(void);

/**
 * The words for the last call of this thread that failed, in UTF-8; empty if none has. Valid until the next failure of this thread.
 * Never holds audio, a voice, a key or a credential.
 *
 * Any thread: each has its own words.
 */
const char *peakstream_error_text(void);

/**
 * The name of a result, such as "too_little_speech"; "unknown" for a number that is none. The same names in every language.
 *
 * Any thread, at any time. Real-time safe.
 */
const char *peakstream_result_name(int32_t result);

/**
 * Loads the models and proves them by their golden vectors. Takes about a second; 0.2 GiB of memory, and 4 MB for each second of the
 * longest speech and each thread that decides at the same time as others. Load one, share it.
 *
 * abi_version: PEAKSTREAM_ABI_VERSION, always. models: the folder of the models; NULL looks where the command line looks: the
 * environment's PEAKSTREAM_MODELS, models/installed below the current folder, the user's data folder.
 *
 * Any thread. Not real-time safe.
 *
 * # Safety
 * models: NULL or ended by a zero. engine: room for a pointer.
 */
peakstream_result peakstream_engine_load(uint32_t abi_version,
                                         const char *models,
                                         struct peakstream_engine **engine);

/**
 * Loads as peakstream_engine_load does, with a speaker network of another precision.
 *
 * precision: one of peakstream_precision. PEAKSTREAM_PRECISION_INT8 on a machine that has no AVX-512 VNNI is refused as
 * PEAKSTREAM_RESULT_INVALID_ARGUMENT, and the words say what is missing: load PEAKSTREAM_PRECISION_F32 then.
 *
 * Any thread. Not real-time safe.
 *
 * # Safety
 * As of peakstream_engine_load.
 */
peakstream_result peakstream_engine_load_with(uint32_t abi_version,
                                              const char *models,
                                              uint32_t precision,
                                              struct peakstream_engine **engine);

/**
 * Gives an engine back. Streams, speech and credentials that came of it live on; NULL is nothing.
 *
 * Any thread, also while others use it: the memory goes with the last of them. Not real-time safe.
 */
peakstream_result peakstream_engine_free(struct peakstream_engine *engine);

/**
 * The score from which a voice is accepted, for a share of impostors that reach it: point is "far=1%", "far=0.1%" or what else the
 * calibration was measured for. registered and heard: the channel of either side, of peakstream_channel.
 *
 * Any thread. Not real-time safe.
 *
 * # Safety
 * point: ended by a zero. score: room for a double.
 */
peakstream_result peakstream_engine_threshold(const struct peakstream_engine *engine,
                                              const char *point,
                                              uint32_t registered,
                                              uint32_t heard,
                                              double *score);

/**
 * Opens a call and reserves everything it will need.
 *
 * Any thread. Not real-time safe: open a call when it is answered, not in its audio thread.
 *
 * # Safety
 * call: a call whose texts are NULL or ended by a zero. stream: room for a pointer.
 */
peakstream_result peakstream_stream_open(const struct peakstream_engine *engine,
                                         const struct peakstream_call *call,
                                         struct peakstream_stream **stream);

/**
 * Takes the next bytes of a call, cut anywhere; all of them, always. When there is enough speech they are taken without effect. Of
 * Opus without Ogg, each call takes one packet, and one of length 0 was lost on the way and is concealed.
 *
 * status: NULL, or room for how far the call is now.
 *
 * Fails with PEAKSTREAM_RESULT_CODEC_MISMATCH or PEAKSTREAM_RESULT_INVALID_AUDIO once, if the call cannot be heard; what follows is
 * taken without effect.
 *
 * One thread at a time; a second one is answered PEAKSTREAM_RESULT_BUSY. Real-time safe: never allocates, waits or calls the system,
 * and costs a bounded time proportional to the bytes (20 ms of G.711: some microseconds; every 128 ms of audio, the speech detector's
 * share of a millisecond). Needs up to 128 kB of stack. A push that fails formats its words, which may allocate.
 *
 * # Safety
 * bytes: length bytes, or length is 0. status: NULL or room for one.
 */
peakstream_result peakstream_stream_push(struct peakstream_stream *stream,
                                         const uint8_t *bytes,
                                         size_t length,
                                         struct peakstream_status *status);

/**
 * How far a call is.
 *
 * One thread at a time, as peakstream_stream_push. Real-time safe.
 *
 * # Safety
 * status: room for one.
 */
peakstream_result peakstream_stream_status(const struct peakstream_stream *stream, struct peakstream_status *status);

/**
 * Ends a call and gives its speech, without copying it. The stream is freed, if this succeeds.
 *
 * One thread, once: PEAKSTREAM_RESULT_BUSY while another one pushes. Not real-time safe.
 *
 * # Safety
 * speech: room for a pointer.
 */
peakstream_result peakstream_stream_finish(struct peakstream_stream *stream, struct peakstream_speech **speech);

/**
 * Ends a call without using its speech, which is wiped; NULL is nothing.
 *
 * One thread, once: PEAKSTREAM_RESULT_BUSY while another one pushes; free it again then. Not real-time safe.
 */
peakstream_result peakstream_stream_free(struct peakstream_stream *stream);

/**
 * The speech itself: 16-bit samples at the call's rate, mono, without the pauses between words.
 *
 * samples: NULL, or room for *count samples. count: the room, and afterwards how many there are. sample_rate: NULL, or room for the
 * hertz. With too little room: PEAKSTREAM_RESULT_BUFFER_TOO_SMALL, and nothing in samples.
 *
 * Any thread. Not real-time safe.
 *
 * # Safety
 * As said of each.
 */
peakstream_result peakstream_speech_samples(const struct peakstream_speech *speech,
                                            int16_t *samples,
                                            size_t *count,
                                            uint32_t *sample_rate);

/**
 * Gives speech back, wiped; NULL is nothing.
 *
 * Any thread, also while others use it: it is wiped when the last of them is done. Not real-time safe.
 */
peakstream_result peakstream_speech_free(struct peakstream_speech *speech);

/**
 * Makes a credential of a voice. It is the caller's decision to refuse one whose authenticity is low.
 *
 * attack_rate: the assumed share of attacks among all calls, above 0 and below 1; 0 is 0.01. decision: NULL, or room for what the speech
 * says, without a score.
 *
 * Any thread. Not real-time safe: takes some hundred milliseconds of one core, for the voice is also compared with itself.
 *
 * # Safety
 * decision: NULL or room for one. credential: room for a pointer.
 */
peakstream_result peakstream_register(const struct peakstream_engine *engine,
                                      const struct peakstream_speech *speech,
                                      double attack_rate,
                                      struct peakstream_decision *decision,
                                      struct peakstream_credential **credential);

/**
 * Compares a voice with a credential, and judges whether it is live and human. It is the caller's decision from which score on to accept
 * (peakstream_engine_threshold), and below which authenticity not to.
 *
 * attack_rate: as of peakstream_register.
 *
 * Any thread. Not real-time safe: takes tens of milliseconds of one core.
 *
 * # Safety
 * decision: room for one.
 */
peakstream_result peakstream_verify(const struct peakstream_engine *engine,
                                    const struct peakstream_speech *speech,
                                    const struct peakstream_credential *credential,
                                    double attack_rate,
                                    struct peakstream_decision *decision);

/**
 * Judges whether a voice is live and human, and nothing else. attack_rate and cost: as of peakstream_verify.
 *
 * Any thread. Not real-time safe.
 *
 * # Safety
 * decision: room for one.
 */
peakstream_result peakstream_authenticity(const struct peakstream_engine *engine,
                                          const struct peakstream_speech *speech,
                                          double attack_rate,
                                          struct peakstream_decision *decision);

/**
 * Calibrated similarity of two registered voices, 0 to 1.
 *
 * Any thread. Not real-time safe; costs microseconds.
 *
 * # Safety
 * score: room for a double.
 */
peakstream_result peakstream_compare(const struct peakstream_engine *engine,
                                     const struct peakstream_credential *one,
                                     const struct peakstream_credential *other,
                                     double *score);

/**
 * Makes a new key of the system's random numbers. Keep it: without it no credential that it seals can be opened again.
 *
 * Any thread. Not real-time safe.
 *
 * # Safety
 * key: room for one.
 */
peakstream_result peakstream_key_generate(struct peakstream_key *key);

/**
 * Writes a credential as a text that only these keys open again, for this tenant.
 *
 * keys: the first seals; at least one. tenant: the name of the tenant it belongs to; NULL is "default", the server's first. text: NULL, or
 * room for *length bytes. length: the room, and afterwards the bytes of the text with its final zero, at most
 * PEAKSTREAM_CREDENTIAL_TEXT_BYTES. Each call gives another text for the same voice.
 *
 * Any thread. Not real-time safe.
 *
 * # Safety
 * As said of each.
 */
peakstream_result peakstream_credential_seal(const struct peakstream_credential *credential,
                                             const struct peakstream_key *keys,
                                             size_t key_count,
                                             const char *tenant,
                                             char *text,
                                             size_t *length);

/**
 * Opens the text of a credential. keys: those that may have sealed it. tenant: as of peakstream_credential_seal.
 *
 * Any thread. Not real-time safe.
 *
 * # Safety
 * keys: key_count of them. tenant: NULL or ended by a zero. text: ended by a zero. credential: room for a pointer.
 */
peakstream_result peakstream_credential_open(const struct peakstream_key *keys,
                                             size_t key_count,
                                             const char *tenant,
                                             const char *text,
                                             struct peakstream_credential **credential);

/**
 * What a credential says of itself.
 *
 * Any thread. Not real-time safe.
 *
 * # Safety
 * info: room for one.
 */
peakstream_result peakstream_credential_inspect(const struct peakstream_credential *credential,
                                                struct peakstream_credential_info *info);

/**
 * Gives a credential back, wiped; NULL is nothing.
 *
 * Any thread, also while others use it. Not real-time safe.
 */
peakstream_result peakstream_credential_free(struct peakstream_credential *credential);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PEAKSTREAM_H */
