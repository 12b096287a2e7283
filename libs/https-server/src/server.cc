// The server on Boost.Beast: one thread, an object per connection that its callbacks keep alive.
#include "https_server/server.h"

#include <algorithm>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include "tls_context.h"

namespace signet::https_server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using Error = boost::system::error_code;

constexpr std::chrono::milliseconds kCloseTime{2'000};
constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
 public:
  Impl(Options options, Handler handler)
      : options_(std::move(options)), handler_(std::move(handler)), acceptor_(io_), pause_(io_) {}

  Status listen() {
    Error error;
    const auto address = asio::ip::make_address(options_.address, error);
    if (error) return Status::invalid_argument("\"" + options_.address + "\" is not an IP address");
    tcp::endpoint endpoint(address, options_.port);
    // "All addresses" are those of both families, as Go's programs have it.
    if (address.is_unspecified()) {
      acceptor_.open(tcp::v6(), error);
      if (!error) acceptor_.set_option(asio::ip::v6_only(false), error);
      if (!error) {
        endpoint = tcp::endpoint(asio::ip::address_v6::any(), options_.port);
      } else if (acceptor_.is_open()) {
        acceptor_.close(error);
      }
    }
    if (!acceptor_.is_open()) acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return Status::unavailable("cannot listen on " + options_.address + ":" +
                                 std::to_string(options_.port) + ": " + error.message());
    }
    port_ = acceptor_.local_endpoint(error).port();
    return {};
  }

  Status set_identity(const Identity& identity) {
    SIGNET_TRY(TlsContext context, make_tls_context(identity));
    const std::lock_guard lock(mutex_);
    context_ = std::move(context);
    return {};
  }

  void run() {
    accept();
    thread_ = std::thread([this] {
      while (!io_.stopped()) {
        try {
          io_.run();
        } catch (const std::exception&) {  // of one connection, which is gone by that; the others
        }                                  // go on
      }
    });
  }
  void stop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  std::uint16_t port() const { return port_; }

 private:
  template <typename Stream>
  class Connection;
  // Counts a connection until it has ended or made room for another one.
  class Place {
   public:
    Place(Impl& server, std::string ip) : server_(server), ip_(std::move(ip)) {
      ++server_.of_ip_[ip_];
      at_ = server_.places_.insert(server_.places_.end(), this);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    virtual ~Place() { leave(); }

    const std::string& ip() const { return ip_; }
    void make_room() {
      leave();
      end();
    }

   private:
    virtual void end() = 0;
    void leave() {
      if (at_ == server_.places_.end()) return;
      server_.places_.erase(std::exchange(at_, server_.places_.end()));
      const auto of_ip = server_.of_ip_.find(ip_);
      if (--of_ip->second == 0) server_.of_ip_.erase(of_ip);
    }

    Impl& server_;
    const std::string ip_;
    std::list<Place*>::iterator at_;
  };

  TlsContext context() {  // null: no TLS
    const std::lock_guard lock(mutex_);
    return context_;
  }
  void accept();
  void begin(tcp::socket socket);
  bool room_for(const std::string& ip);

  const Options options_;
  const Handler handler_;
  std::mutex mutex_;
  TlsContext context_;
  std::uint16_t port_ = 0;
  // Of the thread alone. Connections that never ended die with io_, and count themselves off.
  std::list<Place*> places_;  // who came first is in front
  std::map<std::string, unsigned> of_ip_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::thread thread_;
};

// Stream   of beast's, with TLS or without
template <typename Stream>
class Server::Impl::Connection final : public std::enable_shared_from_this<Connection<Stream>>,
                                       private Place {
 public:
  template <typename... Args>
  Connection(Impl& server, std::string ip, Args&&... stream)
      : Place(server, std::move(ip)), server_(server), stream_(std::forward<Args>(stream)...) {
    parser_.header_limit(static_cast<std::uint32_t>(server.options_.max_head_bytes));
  }

  void start() {
    if constexpr (kTls) {
      within(server_.options_.handshake_time);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](Error error) {
                                if (!error) self->read();
                              });
    } else {
      read();
    }
  }

 private:
  static constexpr bool kTls = !std::is_same_v<Stream, beast::tcp_stream>;

  void within(std::chrono::milliseconds time) {
    beast::get_lowest_layer(stream_).expires_after(time);
  }
  void read() {
    within(server_.options_.request_time);
    http::async_read_header(
        stream_, buffer_, parser_, [self = this->shared_from_this()](Error error, std::size_t) {
          if (!error) return self->answer();
          if (error == http::error::header_limit) return self->write({431, {}, {}});
          if (error.category() == http::make_error_code(http::error::end_of_stream).category()) {
            self->write({400, {}, {}});
          }
        });
  }
  void answer() {
    const auto& head = parser_.get();
    const std::string_view target(head.target().data(), head.target().size());
    const std::string_view method(head.method_string().data(), head.method_string().size());
    const std::string_view path = target.substr(0, target.find_first_of("?#"));
    if (path.empty()) return write({400, {}, {}});
    write(server_.handler_({method, path}));
  }
  void write(const Answer& answer) {
    body_ = answer.body;
    const std::string_view body = body_ ? std::string_view(*body_) : std::string_view();
    response_.version(11);
    response_.result(answer.status);
    if (!answer.content_type.empty()) response_.set(http::field::content_type, answer.content_type);
    response_.keep_alive(false);
    response_.body() = {body.data(), body.size()};
    response_.prepare_payload();
    within(server_.options_.answer_time);
    http::async_write(stream_, response_,
                      [self = this->shared_from_this()](Error error, std::size_t) {
                        if (!error) self->close();
                      });
  }
  void close() {
    if constexpr (kTls) {
      within(kCloseTime);
      stream_.async_shutdown([self = this->shared_from_this()](Error) {});
    } else {
      Error error;
      stream_.socket().shutdown(tcp::socket::shutdown_send, error);
    }
  }

  void end() override { beast::get_lowest_layer(stream_).close(); }

  Impl& server_;
  Stream stream_;
  beast::flat_buffer buffer_{64 * 1024};
  http::request_parser<http::empty_body> parser_;
  std::shared_ptr<const std::string> body_;
  http::response<http::span_body<const char>> response_;
};

void Server::Impl::accept() {
  acceptor_.async_accept([this](Error error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (error) {  // no descriptors: it would fail again at once
      pause_.expires_after(kAcceptPause);
      pause_.async_wait([this](Error aborted) {
        if (!aborted) accept();
      });
      return;
    }
    accept();  // first: whatever becomes of this one, the next is heard
    begin(std::move(socket));
  });
}

// Whoever asks is answered in a moment, so the one who came first is the one who does not ask, or
// does not read: it makes room. Of an address that has all of its places, one of its own.
bool Server::Impl::room_for(const std::string& ip) {
  const auto known = of_ip_.find(ip);
  const bool all_of_ip = known != of_ip_.end() && known->second >= options_.max_connections_per_ip;
  if (!all_of_ip && places_.size() < options_.max_connections) return true;
  const auto oldest = std::find_if(places_.begin(), places_.end(), [&](const Place* place) {
    return !all_of_ip || place->ip() == ip;
  });
  if (oldest == places_.end()) return false;
  (*oldest)->make_room();
  return true;
}

void Server::Impl::begin(tcp::socket socket) {
  Error error;
  const std::string ip = socket.remote_endpoint(error).address().to_string();
  if (error || !room_for(ip)) return;  // the socket closes
  beast::tcp_stream stream(std::move(socket));
  const TlsContext context = this->context();
  if (!context) {
    std::make_shared<Connection<beast::tcp_stream>>(*this, ip, std::move(stream))->start();
    return;
  }
  // asio's context wants to own what it holds; OpenSSL counts, also for the stream made of it.
  asio::ssl::context held((SSL_CTX_up_ref(context.get()), context.get()));
  using TlsStream = beast::ssl_stream<beast::tcp_stream>;
  std::make_shared<Connection<TlsStream>>(*this, ip, std::move(stream), held)->start();
}

Result<std::unique_ptr<Server>> Server::start(const Options& options, const Identity& identity,
                                              Handler handler) {
  return start(options, &identity, std::move(handler));
}

Result<std::unique_ptr<Server>> Server::start_plain(const Options& options, Handler handler) {
  return start(options, nullptr, std::move(handler));
}

Result<std::unique_ptr<Server>> Server::start(const Options& options, const Identity* identity,
                                              Handler handler) {
  try {
    auto impl = std::make_shared<Impl>(options, std::move(handler));
    if (identity != nullptr) SIGNET_RETURN_IF_ERROR(impl->set_identity(*identity));
    SIGNET_RETURN_IF_ERROR(impl->listen());
    impl->run();
    return std::unique_ptr<Server>(new Server(std::move(impl)));
  } catch (const std::exception& e) {
    return Status::internal(std::string("the HTTP server cannot start: ") + e.what());
  }
}

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { impl_->stop(); }
std::uint16_t Server::port() const { return impl_->port(); }
Status Server::set_identity(const Identity& identity) { return impl_->set_identity(identity); }

}  // namespace signet::https_server
