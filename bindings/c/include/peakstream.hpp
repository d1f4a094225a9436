/* peakstream.h for C++17: handles that free themselves, and results that are values or errors. Header only.
 *
 *   peakstream::engine engine = peakstream::engine::load().value();
 *   peakstream::stream call = engine.open({"mulaw", 8000}).value();
 *   while (!call.push(frame).value().enough) { ... }
 *   peakstream::speech speech = call.finish().value();
 *   peakstream::decision said = engine.verify(speech, credential).value();
 *
 * Exceptions are optional: value() throws peakstream::failed where there is an error (and ends the program if it was compiled without
 * exceptions); `if (auto opened = engine.open(...)) use(*opened); else log(opened.error().text);` never does. push() has a form without
 * either, for audio threads: see there.
 *
 * Threads and real-time safety: those of the functions of peakstream.h. */

#ifndef PEAKSTREAM_HPP
#define PEAKSTREAM_HPP

#include "peakstream.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#if defined(__cpp_exceptions)
#include <stdexcept>
#endif

namespace peakstream {

using result = ::peakstream_result;
using channel = ::peakstream_channel;
using precision = ::peakstream_precision;
using status = ::peakstream_status;
using decision = ::peakstream_decision;
using key = ::peakstream_key;
using credential_info = ::peakstream_credential_info;

/* What went wrong: its code, and its words. */
struct error {
    result code;
    std::string text;

    const char *name() const noexcept { return ::peakstream_result_name(code); }
};

#if defined(__cpp_exceptions)
/* What value() throws. */
class failed : public std::runtime_error {
  public:
    explicit failed(const error &what) : std::runtime_error(what.text), code_(what.code) {}

    result code() const noexcept { return code_; }
    const char *name() const noexcept { return ::peakstream_result_name(code_); }

  private:
    result code_;
};
#endif

/* A value, or why there is none. */
template <class T> class [[nodiscard]] outcome {
  public:
    outcome(T value) : held_(std::in_place_index<0>, std::move(value)) {}
    outcome(peakstream::error why) : held_(std::in_place_index<1>, std::move(why)) {}

    explicit operator bool() const noexcept { return held_.index() == 0; }

    /* The value; throws failed if there is none. */
    T &value() & { return check(), *std::get_if<0>(&held_); }
    T value() && { return check(), std::move(*std::get_if<0>(&held_)); }

    /* The value, which must be there. */
    T &operator*() noexcept { return *std::get_if<0>(&held_); }
    T *operator->() noexcept { return std::get_if<0>(&held_); }

    /* The error, which must be there. */
    const peakstream::error &error() const noexcept { return *std::get_if<1>(&held_); }

  private:
    void check() const {
        if (held_.index() != 0) {
#if defined(__cpp_exceptions)
            throw failed(error());
#else
            std::abort();
#endif
        }
    }

    std::variant<T, peakstream::error> held_;
};

/* Bytes that belong to somebody else: a pointer and a length, made of anything that has both. */
class bytes_view {
  public:
    bytes_view(const void *data, std::size_t size) noexcept : data_(static_cast<const std::uint8_t *>(data)), size_(size) {}

    template <class Container, class = std::enable_if_t<!std::is_same_v<std::decay_t<Container>, bytes_view>>,
              class Item = std::remove_pointer_t<decltype(std::declval<const Container &>().data())>>
    bytes_view(const Container &all) noexcept : bytes_view(all.data(), all.size() * sizeof(Item)) {
        static_assert(sizeof(Item) == 1, "bytes are wanted: an encoding decides what samples look like in them");
    }

    const std::uint8_t *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

  private:
    const std::uint8_t *data_;
    std::size_t size_;
};

namespace detail {

inline error last(result code) { return {code, ::peakstream_error_text()}; }

/* One owner of one handle. */
template <class Handle, result (*Free)(Handle *)> class owner {
  public:
    owner() = default;
    explicit owner(Handle *handle) noexcept : handle_(handle) {}
    owner(owner &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    owner &operator=(owner &&other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    owner(const owner &) = delete;
    owner &operator=(const owner &) = delete;
    ~owner() { Free(handle_); }

    /* The handle, for the functions of peakstream.h; NULL if this was moved from. */
    Handle *get() const noexcept { return handle_; }

    /* Whether there is one. */
    explicit operator bool() const noexcept { return handle_ != nullptr; }

  protected:
    Handle *release() noexcept { return std::exchange(handle_, nullptr); }

  private:
    Handle *handle_ = nullptr;
};

} // namespace detail

/* What a call's bytes are, and how much speech it is to give: see peakstream_call. */
struct call {
    std::string codec = "mulaw";
    std::uint32_t sample_rate = 8000;
    double seconds = 5.0;
    channel channel_type = PEAKSTREAM_CHANNEL_TELEPHONE;
    std::string container = "raw";
    std::string sample_format = {};
    std::uint16_t channels = 1;
    std::uint16_t caller = 1;
    bool tolerate_mismatch = false;
};

/* The speech of a call: peakstream_speech. */
class speech : public detail::owner<::peakstream_speech, ::peakstream_speech_free> {
  public:
    using owner::owner;

    /* 16-bit samples at sample_rate, mono, without the pauses. */
    outcome<std::vector<std::int16_t>> samples(std::uint32_t *sample_rate = nullptr) const {
        std::size_t count = 0;
        if (auto code = ::peakstream_speech_samples(get(), nullptr, &count, sample_rate)) return detail::last(code);
        std::vector<std::int16_t> all(count);
        if (auto code = ::peakstream_speech_samples(get(), all.data(), &count, nullptr)) return detail::last(code);
        return all;
    }
};

/* A registered voice: peakstream_credential. */
class credential : public detail::owner<::peakstream_credential, ::peakstream_credential_free> {
  public:
    using owner::owner;

    /* Opens a text; keys are those that may have sealed it. */
    static outcome<credential> open(const std::vector<key> &keys, const std::string &text,
                                    const std::string &tenant = "default") {
        ::peakstream_credential *handle = nullptr;
        if (auto code = ::peakstream_credential_open(keys.data(), keys.size(), tenant.c_str(), text.c_str(), &handle))
            return detail::last(code);
        return credential(handle);
    }

    /* The text that only these keys open again; the first seals. */
    outcome<std::string> seal(const std::vector<key> &keys, const std::string &tenant = "default") const {
        std::string text(PEAKSTREAM_CREDENTIAL_TEXT_BYTES, '\0');
        std::size_t length = text.size();
        if (auto code = ::peakstream_credential_seal(get(), keys.data(), keys.size(), tenant.c_str(), text.data(), &length))
            return detail::last(code);
        text.resize(length - 1);
        return text;
    }

    outcome<credential_info> inspect() const {
        credential_info found;
        if (auto code = ::peakstream_credential_inspect(get(), &found)) return detail::last(code);
        return found;
    }
};

/* A live call: peakstream_stream. */
class stream : public detail::owner<::peakstream_stream, ::peakstream_stream_free> {
  public:
    using owner::owner;

    /* Takes the next bytes. */
    outcome<peakstream::status> push(bytes_view bytes) {
        peakstream::status now;
        if (auto code = push(bytes, now)) return detail::last(code);
        return now;
    }

    /* The same for an audio thread: never allocates, waits or throws. */
    result push(bytes_view bytes, peakstream::status &now) noexcept {
        return ::peakstream_stream_push(get(), bytes.data(), bytes.size(), &now);
    }

    /* How far the call is. */
    outcome<peakstream::status> status() const {
        peakstream::status now;
        if (auto code = ::peakstream_stream_status(get(), &now)) return detail::last(code);
        return now;
    }

    /* Ends the call; the stream is empty afterwards. */
    outcome<speech> finish() {
        ::peakstream_speech *handle = nullptr;
        if (auto code = ::peakstream_stream_finish(get(), &handle)) return detail::last(code);
        release();
        return speech(handle);
    }
};

/* A new voice, and what was said of it. */
struct registration {
    peakstream::credential credential;
    peakstream::decision decision;
};

/* Models, loaded and proved: peakstream_engine. Share one by reference. */
class engine : public detail::owner<::peakstream_engine, ::peakstream_engine_free> {
  public:
    using owner::owner;

    /* Loads the models of a folder, or those that the command line would find. */
    static outcome<engine> load(const std::optional<std::string> &models = std::nullopt,
                                precision computed_in = PEAKSTREAM_PRECISION_F32) {
        ::peakstream_engine *handle = nullptr;
        const char *folder = models ? models->c_str() : nullptr;
        if (auto code = ::peakstream_engine_load_with(PEAKSTREAM_ABI_VERSION, folder, computed_in, &handle))
            return detail::last(code);
        return engine(handle);
    }

    /* Opens a call. */
    outcome<stream> open(const call &what) const {
        ::peakstream_call spec = {};
        spec.container = what.container.c_str();
        spec.codec = what.codec.c_str();
        spec.sample_format = what.sample_format.c_str();
        spec.sample_rate = what.sample_rate;
        spec.channels = what.channels;
        spec.channel = what.caller;
        spec.channel_type = what.channel_type;
        spec.tolerate_mismatch = what.tolerate_mismatch;
        spec.seconds = what.seconds;
        ::peakstream_stream *handle = nullptr;
        if (auto code = ::peakstream_stream_open(get(), &spec, &handle)) return detail::last(code);
        return stream(handle);
    }

    /* Makes a credential of a voice. attack_rate: the assumed share of attacks; 0 is 0.01. */
    outcome<registration> enrol(const speech &voice, double attack_rate = 0) const {
        peakstream::decision said;
        ::peakstream_credential *handle = nullptr;
        if (auto code = ::peakstream_register(get(), voice.get(), attack_rate, &said, &handle)) return detail::last(code);
        return registration{credential(handle), said};
    }

    /* Compares a voice with a credential. */
    outcome<decision> verify(const speech &voice, const credential &registered, double attack_rate = 0) const {
        peakstream::decision said;
        if (auto code = ::peakstream_verify(get(), voice.get(), registered.get(), attack_rate, &said))
            return detail::last(code);
        return said;
    }

    /* Judges whether a voice is live and human. */
    outcome<decision> authenticity(const speech &voice, double attack_rate = 0) const {
        peakstream::decision said;
        if (auto code = ::peakstream_authenticity(get(), voice.get(), attack_rate, &said)) return detail::last(code);
        return said;
    }

    /* Similarity of two registered voices, 0 to 1. */
    outcome<double> compare(const credential &one, const credential &other) const {
        double score = 0;
        if (auto code = ::peakstream_compare(get(), one.get(), other.get(), &score)) return detail::last(code);
        return score;
    }

    /* The score from which a voice is accepted, such as of "far=1%". */
    outcome<double> threshold(const std::string &point, channel registered = PEAKSTREAM_CHANNEL_TELEPHONE,
                              channel heard = PEAKSTREAM_CHANNEL_TELEPHONE) const {
        double score = 0;
        if (auto code = ::peakstream_engine_threshold(get(), point.c_str(), registered, heard, &score))
            return detail::last(code);
        return score;
    }
};

/* A new key of the system's random numbers. */
inline outcome<key> generate_key() {
    key fresh;
    if (auto code = ::peakstream_key_generate(&fresh)) return detail::last(code);
    return fresh;
}

} // namespace peakstream

#endif
