// workload-mtls: one side of mutual TLS by an X509Source, for the tests of whole systems.
//
//   workload-mtls server ADDRESS_FILE [PEER]   listens on 127.0.0.1, writes "host:port" to the file
//   workload-mtls client HOST:PORT RATE SECONDS [PEER]
//
// Each connection is one handshake, four bytes each way. The client prints one JSON object with
// its counts when the time is over or SIGTERM comes; the server prints one line per connection.
// PEER is the trust domain that the peer has to be of; without it, that of our own identity.
// SPIFFE_ENDPOINT_SOCKET names the agent.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <signal.h>
#include <thread>
#include <unistd.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "workload_client/endpoint.h"
#include "workload_client/grpc_transport.h"
#include "workload_client/tls.h"

namespace {

using namespace signet;
using namespace signet::workload_client;

int fail(const Status& status) {
  std::fprintf(stderr, "workload-mtls: %s\n", status.to_string().c_str());
  return 1;
}

// Handshake and exchange on a connected socket, which is closed.
Result<SpiffeId> talk(const TlsContext& context, int fd, bool server) {
  timeval patience{5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  SSL* ssl = SSL_new(context.get());
  SSL_set_fd(ssl, fd);
  char bytes[4] = {'p', 'i', 'n', 'g'};
  const bool ok = (server ? SSL_accept(ssl) : SSL_connect(ssl)) == 1 &&
                  (server ? SSL_read(ssl, bytes, 4) == 4 && SSL_write(ssl, bytes, 4) == 4
                          : SSL_write(ssl, bytes, 4) == 4 && SSL_read(ssl, bytes, 4) == 4);
  Result<SpiffeId> peer = peer_id(ssl);
  if (!ok && peer) peer = Status::unavailable("the peer refused or left");
  ERR_clear_error();
  SSL_shutdown(ssl);
  SSL_free(ssl);
  close(fd);
  return peer;
}

int serve(const TlsContext& context, const char* address_file) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener, 64) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return fail(Status::unavailable("cannot listen"));
  }
  const std::string partial = std::string(address_file) + ".new";
  std::ofstream(partial) << "127.0.0.1:" << ntohs(address.sin_port) << "\n";
  std::rename(partial.c_str(), address_file);
  while (true) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    std::thread([&context, fd] {
      const Result<SpiffeId> peer = talk(context, fd, true);
      std::printf("%s\n", peer ? peer->to_string().c_str()
                               : ("error " + peer.status().to_string()).c_str());
      std::fflush(stdout);
    }).detach();
  }
}

volatile sig_atomic_t told_to_end = 0;

int drive(const TlsContext& context, X509Source& source, const std::string& target, int rate,
          int seconds) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(target.substr(target.find(':') + 1))));
  inet_pton(AF_INET, target.substr(0, target.find(':')).c_str(), &address.sin_addr);
  int good = 0;
  int bad = 0;
  std::string first_error;
  std::set<std::string> serials;
  const auto start = std::chrono::steady_clock::now();
  for (int n = 0; n < rate * seconds && told_to_end == 0; ++n) {
    std::this_thread::sleep_until(start + std::chrono::milliseconds(1000LL * n / rate));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    serials.insert(source.current()->default_svid().chain.front().serial_decimal());
    Result<SpiffeId> peer = Status::unavailable("cannot connect");
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      peer = talk(context, fd, false);
    } else {
      close(fd);
    }
    if (peer) {
      ++good;
    } else {
      if (first_error.empty()) first_error = peer.status().to_string();
      ++bad;
    }
  }
  std::printf("{\"handshakes\":%d,\"failures\":%d,\"own_serials\":%zu,\"first_error\":\"%s\"}\n",
              good, bad, serials.size(), first_error.c_str());
  return bad == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (!(mode == "server" && (argc == 3 || argc == 4)) &&
      !(mode == "client" && (argc == 5 || argc == 6))) {
    std::fprintf(stderr,
                 "usage: workload-mtls server ADDRESS_FILE [PEER] | "
                 "client HOST:PORT RATE SECONDS [PEER]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  const auto target = endpoint_from_environment();
  if (!target) return fail(target.status());
  const auto transport = make_grpc_transport(*target);
  X509Source source(*transport);
  if (const Status ready = source.wait(std::chrono::seconds(15)); !ready.ok()) return fail(ready);
  const bool server = mode == "server";
  const char* named = argv[server ? 3 : 5];  // a null pointer behind the last argument
  const auto peer =
      named != nullptr
          ? TrustDomain::parse(named)
          : Result<TrustDomain>(source.current()->default_svid().spiffe_id.trust_domain());
  if (!peer) return fail(peer.status());
  const auto context = server ? make_server_context(source, authorize_member_of(*peer))
                              : make_client_context(source, authorize_member_of(*peer));
  if (!context) return fail(context.status());
  if (!server) signal(SIGTERM, [](int) { told_to_end = 1; });
  return server ? serve(**context, argv[2])
                : drive(**context, source, argv[2], std::stoi(argv[3]), std::stoi(argv[4]));
}
