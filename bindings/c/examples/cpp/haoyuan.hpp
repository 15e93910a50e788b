// haoyuan for C++17: a registry that closes itself, structures that know their size, texts as std::string. Header only; a
// refusal is a value, an error is an exception.
#ifndef HAOYUAN_HPP
#define HAOYUAN_HPP

#include <haoyuan.h>

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace haoyuan {

using Key = std::array<std::uint8_t, 16>;

/// A structure of the ABI, zero but for its size.
template <class T>
T make() {
  T structure{};
  structure.struct_size = static_cast<std::uint32_t>(sizeof(T));
  return structure;
}

/// Asks `call(buffer, capacity, needed)` for a text, twice if it is long.
template <class Call>
std::int32_t text(std::string &into, Call call) {
  std::size_t needed = 0;
  into.resize(64);
  std::int32_t status = call(into.data(), into.size(), &needed);
  if (status == HAOYUAN_BUFFER_TOO_SMALL) {
    into.resize(needed);
    status = call(into.data(), into.size(), &needed);
  }
  into.resize(status == HAOYUAN_OK ? needed : 0);
  return status;
}

inline std::string name_of(std::int32_t status) {
  std::string name;
  text(name, [&](char *b, std::size_t c, std::size_t *n) { return haoyuan_status_name(status, b, c, n); });
  return name;
}

inline std::string text_of(std::int32_t status, std::uint32_t language) {
  std::string words;
  text(words, [&](char *b, std::size_t c, std::size_t *n) { return haoyuan_status_text(status, language, b, c, n); });
  return words;
}

/// What a caller or the world did wrong. A refusal is never one.
class Error : public std::runtime_error {
 public:
  explicit Error(std::int32_t status) : std::runtime_error(describe(status)), status(status) {}
  const std::int32_t status;

 private:
  static std::string describe(std::int32_t status) {
    std::string why;
    text(why, haoyuan_last_error);
    return name_of(status) + ": " + text_of(status, HAOYUAN_ENGLISH) + (why.empty() ? "" : "; " + why);
  }
};

inline std::int32_t checked(std::int32_t status) {
  if (status < 0) throw Error(status);
  return status;
}

/// An open registry. Its functions may be called from any thread at once.
class Registry {
 public:
  explicit Registry(const haoyuan_options_t &options) {
    checked(HAOYUAN_ABI_CHECK());
    checked(haoyuan_open(&options, &handle_));
  }
  Registry(Registry &&other) noexcept : handle_(std::exchange(other.handle_, 0)) {}
  Registry &operator=(Registry &&other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Registry() {
    if (handle_ != 0) haoyuan_close(handle_);
  }

  /// Closes, and says whether everything is durable; the destructor cannot.
  void close() { checked(haoyuan_close(std::exchange(handle_, 0))); }

  std::uint32_t find_session(std::string_view code) const {
    std::uint32_t session = 0;
    if (checked(haoyuan_find_session(handle_, code.data(), code.size(), &session)) != HAOYUAN_OK)
      throw std::out_of_range("there is no session " + std::string(code));
    return session;
  }
  haoyuan_availability_t availability(const haoyuan_ask_t &ask) const {
    auto answer = make<haoyuan_availability_t>();
    checked(haoyuan_availability(handle_, &ask, &answer));
    return answer;
  }
  haoyuan_grant_t hold(const haoyuan_wish_t &wish) const { return decide(haoyuan_hold, wish); }
  haoyuan_grant_t book(const haoyuan_wish_t &wish) const { return decide(haoyuan_book, wish); }
  haoyuan_settled_t confirm(const haoyuan_settle_t &it) const { return settle(haoyuan_confirm, it); }
  haoyuan_settled_t cancel(const haoyuan_settle_t &it) const { return settle(haoyuan_cancel, it); }
  std::vector<haoyuan_grant_t> book(const std::vector<haoyuan_wish_t> &wishes) const {
    std::vector<haoyuan_grant_t> grants(wishes.size(), make<haoyuan_grant_t>());
    checked(haoyuan_book_batch(handle_, wishes.data(), grants.data(), wishes.size()));
    return grants;
  }
  void wait(const std::vector<std::uint64_t> &acks, std::int64_t timeout_ms = -1) const {
    checked(haoyuan_wait(handle_, acks.data(), acks.size(), timeout_ms));
  }
  std::vector<haoyuan_found_t> search(const haoyuan_search_t &search, std::size_t most) const {
    std::vector<haoyuan_found_t> found(most, make<haoyuan_found_t>());
    std::size_t count = 0;
    checked(haoyuan_search(handle_, &search, found.data(), most, &count));
    found.resize(count);
    return found;
  }
  std::vector<haoyuan_load_t> load(const haoyuan_day_t &day) const {
    std::vector<haoyuan_load_t> loads(64, make<haoyuan_load_t>());
    std::size_t count = 0;
    std::int32_t status = haoyuan_load(handle_, &day, loads.data(), loads.size(), &count);
    if (status == HAOYUAN_BUFFER_TOO_SMALL) {
      loads.resize(count, make<haoyuan_load_t>());
      status = haoyuan_load(handle_, &day, loads.data(), loads.size(), &count);
    }
    checked(status);
    loads.resize(count);
    return loads;
  }
  std::string pool_name(std::uint32_t session, std::uint32_t slot, std::uint32_t pool) const {
    std::string name;
    checked(text(name, [&](char *b, std::size_t c, std::size_t *n) {
      return haoyuan_pool_name(handle_, session, slot, pool, b, c, n);
    }));
    return name;
  }
  /// One command of the JSON language in, its answer out.
  std::string execute(std::string_view line) const {
    std::string answer(1024, '\0');
    std::size_t needed = 0;
    std::int32_t status = haoyuan_execute(handle_, line.data(), line.size(), answer.data(), answer.size(), &needed);
    if (status == HAOYUAN_BUFFER_TOO_SMALL) {
      answer.resize(needed);
      status = haoyuan_last_answer(answer.data(), answer.size(), &needed);
    }
    checked(status);
    answer.resize(needed);
    return answer;
  }
  std::array<std::uint8_t, 32> state_hash() const {
    std::array<std::uint8_t, 32> hash{};
    checked(haoyuan_state_hash(handle_, hash.data()));
    return hash;
  }

 private:
  template <class F>
  haoyuan_grant_t decide(F function, const haoyuan_wish_t &wish) const {
    auto grant = make<haoyuan_grant_t>();
    checked(function(handle_, &wish, &grant));
    return grant;
  }
  template <class F>
  haoyuan_settled_t settle(F function, const haoyuan_settle_t &it) const {
    auto settled = make<haoyuan_settled_t>();
    checked(function(handle_, &it, &settled));
    return settled;
  }
  haoyuan_t handle_ = 0;
};

}  // namespace haoyuan

#endif
