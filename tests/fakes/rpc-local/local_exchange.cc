#include "local_exchange.h"

#include "signet/host.h"

namespace signet::fakes {

void Exchange::end(Code code, std::string words, std::string detail) {
  if (!outcome) outcome = Outcome{code, std::move(words), std::move(detail)};
}

void Exchange::to_client(std::string message) {
  if (client.handler == nullptr) {
    seen.push_back(std::move(message));
  } else {
    client.inbox.push_back(std::move(message));
  }
}

std::function<void()> Exchange::next() {
  if (outcome) {
    // The service's own end first. Without open() it has seen nothing of the call.
    if (!opened) server.done = true;
    if (!server.done) {
      server.done = true;
      return [this, code = static_cast<signet_status>(outcome->code)] {
        server.handler->done(server.st, server.abi(), code, {}, {});
      };
    }
    if (client.done) return {};
    if (!cancelled) {
      if (auto message = next_of(client, server)) return message;
      if (!client.inbox.empty()) return {};  // the end comes behind what is not read yet
    }
    client.done = true;
    if (client.handler == nullptr) return [] {};
    return [this, result = *outcome] {
      client.handler->done(client.st, client.abi(), static_cast<signet_status>(result.code),
                           to_abi(result.words), bytes_to_abi(result.detail));
    };
  }
  if (!opened) return {};
  if (auto at_server = next_of(server, client)) return at_server;
  return next_of(client, server);
}

std::function<void()> Exchange::next_of(End& end, End& other) {
  if (end.owes_writable && !end.stalled) {
    end.owes_writable = false;
    if (other.handler != nullptr && other.handler->writable != nullptr && !other.done)
      return [&other] { other.handler->writable(other.st, other.abi()); };
  }
  if (end.handler == nullptr) return {};
  if (end.credits > 0 && !end.inbox.empty()) {
    --end.credits;
    auto message = std::make_shared<std::string>(std::move(end.inbox.front()));
    end.inbox.pop_front();
    return [&end, message] {
      if (end.handler->message != nullptr)
        end.handler->message(end.st, end.abi(), bytes_to_abi(*message));
    };
  }
  if (end.inbox.empty() && end.closing && !end.told_closing) {
    end.told_closing = true;
    return [&end] {
      if (end.handler->half_close != nullptr) end.handler->half_close(end.st, end.abi());
    };
  }
  return {};
}

}  // namespace signet::fakes
