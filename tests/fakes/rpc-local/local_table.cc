// The functions of signet.host.rpc/1.
#include "signet/host.h"

#include "local_exchange.h"

namespace signet::fakes {
namespace {

const signet_host_blob* blobs(const signet_host* host) {
  return static_cast<const signet_host_blob*>(host->get_service(host, SIGNET_HOST_BLOB));
}

std::string take(const signet_host* host, signet_blob* blob) {
  std::string bytes(view(blobs(host)->bytes(blob)));
  blobs(host)->unref(blob);
  return bytes;
}

}  // namespace

struct LocalRpc::Table {
  static LocalRpc& rpc() { return *the_one(); }
  static std::unique_lock<std::mutex> locked() { return std::unique_lock(rpc().mutex_); }
  static void changed() { rpc().changed_.notify_all(); }

  static signet_status listen(const signet_host* host, signet_call* call, signet_str uri,
                              signet_bytes options, const signet_rpc_acceptor* acceptor, void* self,
                              std::uint64_t* id) {
    auto listener = std::make_unique<Listener>();
    const auto lock = locked();
    *id = listener->id = ++rpc().last_id_;
    listener->host = host;
    listener->facts.uri = view(uri);
    if (listener->facts.uri.ends_with(":0")) {
      listener->facts.uri.pop_back();
      listener->facts.uri += std::to_string(40000 + *id);
    }
    listener->facts.options = view(options);
    listener->facts.with_acceptor = acceptor != nullptr;
    listener->acceptor = acceptor;
    listener->self = self;
    const signet_rpc_address bound = {sizeof bound, 0, to_abi(listener->facts.uri)};
    call->ops->emit(call, SIGNET_RPC_KIND_ADDRESS, &bound, sizeof bound);
    rpc().listeners_.emplace(*id, std::move(listener));
    return SIGNET_OK;
  }
  static signet_status handle(const signet_host*, std::uint64_t id, signet_str method,
                              const signet_rpc_handler* handler, void* self) {
    const auto lock = locked();
    rpc().listeners_.at(id)->methods[std::string(view(method))] = {handler, self};
    return SIGNET_OK;
  }
  static signet_status serve(const signet_host*, signet_call*, std::uint64_t id) {
    const auto lock = locked();
    rpc().listeners_.at(id)->facts.serving = true;
    return SIGNET_OK;
  }
  static signet_status identity_changed(const signet_host*, std::uint64_t id) {
    const auto lock = locked();
    ++rpc().listeners_.at(id)->facts.identity_changes;
    return SIGNET_OK;
  }
  // The exchanges end; the clients notice it with their next call.
  static void disconnect(const signet_host*, std::uint64_t id, signet_str peer) {
    const auto lock = locked();
    for (const auto& exchange : rpc().exchanges_) {
      const Connection& connection = *exchange->connection;
      if (connection.server != nullptr && connection.server->id == id &&
          connection.id == view(peer)) {
        exchange->end(Code::kUnavailable, "the connection was closed");
      }
    }
    changed();
  }
  static signet_status unlisten(const signet_host*, signet_call*, std::uint64_t id) {
    rpc().unlisten(id);
    return SIGNET_OK;
  }

  static void read(signet_rpc_stream* stream) {
    const auto lock = locked();
    ++end_of(stream).credits;
    changed();
  }
  static signet_status write(signet_rpc_stream* stream, signet_blob* blob) {
    End& end = end_of(stream);
    Exchange& exchange = *end.exchange;
    const bool from_server = &end == &exchange.server;
    End& to = from_server ? exchange.client : exchange.server;
    const signet_host* const host =
        from_server ? exchange.connection->server->host : exchange.connection->host;
    const auto lock = locked();
    if (to.stalled && !exchange.outcome) {
      to.owes_writable = true;
      return SIGNET_RESOURCE_EXHAUSTED;
    }
    std::string message = take(host, blob);
    if (exchange.outcome) return SIGNET_OK;  // nobody reads it; done() says so
    if (from_server) {
      exchange.to_client(std::move(message));
    } else {
      to.inbox.push_back(std::move(message));
    }
    changed();
    return SIGNET_OK;
  }
  static void finish(signet_rpc_stream* stream, signet_blob* last, signet_status code,
                     signet_str words, signet_bytes detail) {
    Exchange& exchange = *end_of(stream).exchange;
    const auto lock = locked();
    if (last != nullptr) {
      std::string message = take(exchange.connection->server->host, last);
      if (!exchange.outcome) exchange.to_client(std::move(message));
    }
    exchange.end(static_cast<Code>(code), std::string(view(words)), std::string(view(detail)));
    changed();
  }
  static void half_close(signet_rpc_stream* stream) {
    const auto lock = locked();
    end_of(stream).exchange->server.closing = true;
    changed();
  }
  static void cancel(signet_rpc_stream* stream) {
    Exchange& exchange = *end_of(stream).exchange;
    const auto lock = locked();
    exchange.cancelled = true;
    exchange.end(Code::kCancelled, "cancelled");
    changed();
  }
  static void audit(signet_rpc_stream* stream, signet_str key, signet_str value) {
    const auto lock = locked();
    end_of(stream).exchange->audit.emplace(view(key), view(value));
  }
  static std::size_t metadata(signet_rpc_stream* stream, signet_str key, signet_str* values,
                              std::size_t max) {
    const auto [from, to] = end_of(stream).exchange->headers.equal_range(std::string(view(key)));
    std::size_t n = 0;
    for (auto it = from; it != to; ++it, ++n) {
      if (n < max) values[n] = to_abi(it->second);
    }
    return n;
  }
  static std::int64_t deadline(const signet_rpc_stream* stream) {
    return end_of(stream).exchange->deadline_ns;
  }
  static std::uint32_t cancelled(const signet_rpc_stream* stream) {
    const auto lock = locked();
    return end_of(stream).exchange->outcome ? 1 : 0;
  }
  static const signet_rpc_peer* peer(const signet_rpc_stream* stream) {
    const End& end = end_of(stream);
    const Exchange& exchange = *end.exchange;
    return &end == &exchange.server ? &exchange.connection->peer
                                    : &exchange.connection->server_peer;
  }

  static signet_status connect(const signet_host* host, signet_str uri, signet_bytes,
                               const signet_rpc_acceptor* acceptor, void* self,
                               signet_rpc_conn** out) {
    auto connection = std::make_shared<Connection>();
    connection->host = host;
    connection->uri = view(uri);
    connection->acceptor = acceptor;
    connection->self = self;
    *out = reinterpret_cast<signet_rpc_conn*>(connection.get());
    const auto lock = locked();
    rpc().connections_.push_back(std::move(connection));
    return SIGNET_OK;
  }
  static signet_status call(signet_rpc_conn* conn, signet_str method, std::int64_t deadline_ns,
                            const signet_rpc_header* headers, std::size_t header_count,
                            const signet_rpc_handler* handler, void* st, signet_blob* first,
                            signet_rpc_stream** out) {
    auto exchange = std::make_shared<Exchange>();
    exchange->method = view(method);
    exchange->deadline_ns = deadline_ns;
    for (std::size_t i = 0; i < header_count; ++i)
      exchange->headers.emplace(view(headers[i].key), view(headers[i].value));
    exchange->client.handler = handler;
    exchange->client.st = st;
    *out = exchange->client.abi();
    const auto lock = locked();
    for (const auto& connection : rpc().connections_) {
      if (connection.get() == reinterpret_cast<Connection*>(conn))
        exchange->connection = connection;
    }
    if (first != nullptr) exchange->server.inbox.push_back(take(exchange->connection->host, first));
    rpc().exchanges_.push_back(std::move(exchange));
    changed();
    return SIGNET_OK;
  }
  static void hang_up(signet_rpc_conn* conn) { rpc().hang_up(reinterpret_cast<Connection*>(conn)); }
};

const signet_host_rpc* LocalRpc::table() const {
  static const signet_host_rpc kTable = {sizeof(signet_host_rpc),
                                         0,
                                         &Table::listen,
                                         &Table::handle,
                                         &Table::serve,
                                         &Table::identity_changed,
                                         &Table::disconnect,
                                         &Table::unlisten,
                                         &Table::read,
                                         &Table::write,
                                         &Table::finish,
                                         &Table::half_close,
                                         &Table::cancel,
                                         &Table::audit,
                                         &Table::metadata,
                                         &Table::deadline,
                                         &Table::cancelled,
                                         &Table::peer,
                                         &Table::connect,
                                         &Table::call,
                                         &Table::hang_up};
  return &kTable;
}

}  // namespace signet::fakes
