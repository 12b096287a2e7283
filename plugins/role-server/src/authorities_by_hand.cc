// Authorities, continued: what operators do with the LocalAuthority API. Codes and words are those
// that SPIRE's server answers with.
#include <algorithm>

#include "authorities.h"

namespace signet::server {
namespace {

using Journal = AuthorityKind::Journal;

Status refuse(std::string text) { return Status::invalid_argument(std::move(text)); }

// Which kind's trouble it is stands in the text.
Status failed(const char* doing, const AuthorityKind& kind, const Status& cause) {
  return Status::internal(std::string("failed to ") + doing + " " + kind.title() +
                          " authority: " + cause.message());
}

std::string unsupported(Journal::Status status) {
  return "unsupported local authority status: " + Journal::Status_Name(status);
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace

AuthorityKind& Authorities::kind(AuthorityType type) {
  switch (type) {
    case AuthorityType::kX509:
      return x509_kind_;
    case AuthorityType::kJwt:
      return jwt_kind_;
    case AuthorityType::kWit:
      break;
  }
  return wit_kind_;
}

Result<AuthorityState> Authorities::state(AuthorityType type) {
  std::lock_guard lock(mutex_);
  if (!kind(type).active()) return none_active();
  return kind(type).state();
}

Result<AuthorityInfo> Authorities::prepare(AuthorityType type) {
  std::lock_guard lock(mutex_);
  AuthorityKind& of = kind(type);
  if (!of.active()) return none_active();
  if (const Status status = of.prepare_next(); !status.ok()) return failed("prepare", of, status);
  return of.next().info();
}

Result<Authorities::Activated> Authorities::activate(AuthorityType type,
                                                     const std::string& authority_id) {
  std::lock_guard lock(mutex_);
  AuthorityKind& of = kind(type);
  if (authority_id.empty()) return refuse("no authority ID provided");
  if (authority_id != of.next().authority_id) return refuse("unexpected authority ID");
  if (of.next().status != Journal::PREPARED) {
    return Status::internal("only Prepared authorities can be activated: " +
                            unsupported(of.next().status));
  }
  Activated done;
  if (publication_ != nullptr) done.lacking = publication_->lacking(of.next().published);
  if (const Status status = of.activate_next(); !status.ok()) {
    return failed("activate", of, status);
  }
  publish_snapshots();
  if (!done.lacking.nobody()) {
    host_.warn("Authority was activated by hand although not everybody has it",
               {{"kind", of.title()},
                {"local_authority_id", authority_id},
                {"agents", done.lacking.agents},
                {"servers", done.lacking.servers}});
  }
  done.authority = of.current().info();
  return done;
}

Result<Publication::Lacking> Authorities::lacking(AuthorityType type,
                                                  const std::string& authority_id) {
  std::lock_guard lock(mutex_);
  const AuthorityKind& of = kind(type);
  if (authority_id.empty()) return refuse("no authority ID provided");
  if (authority_id != of.next().authority_id || of.next().status != Journal::PREPARED) {
    return refuse("unexpected authority ID");
  }
  return publication_ != nullptr ? publication_->lacking(of.next().published)
                                 : Publication::Lacking{};
}

Result<AuthorityInfo> Authorities::taint(AuthorityType type, const std::string& authority_id) {
  std::lock_guard lock(mutex_);
  AuthorityKind& of = kind(type);
  if (type == AuthorityType::kX509 && ca_->upstream()) {
    return Status::failed_precondition(
        "local authority can't be tainted if there is an upstream authority");
  }
  if (authority_id.empty()) return refuse("no authority ID provided");
  if (authority_id == of.current().authority_id) {
    return refuse("unable to taint current local authority");
  }
  if (authority_id != of.next().authority_id) return refuse("unexpected authority ID");
  if (of.next().status != Journal::OLD) {
    return refuse("only Old local authorities can be tainted: " + unsupported(of.next().status));
  }
  if (const Status status = of.taint(authority_id); !status.ok()) {
    return failed("taint", of, status);
  }
  // Of a key the peer tells no more than its ID.
  return type == AuthorityType::kX509 ? of.next().info() : AuthorityInfo{authority_id, 0, {}};
}

Result<AuthorityInfo> Authorities::revoke(AuthorityType type, const std::string& authority_id) {
  std::lock_guard lock(mutex_);
  AuthorityKind& of = kind(type);
  const auto invalid = [](const char* why) {
    return refuse(std::string("invalid authority ID: ") + why);
  };
  if (type == AuthorityType::kX509 && ca_->upstream()) {
    return Status::failed_precondition(
        "local authority can't be revoked if there is an upstream authority");
  }
  if (authority_id.empty()) return invalid("no authority ID provided");
  if (authority_id == of.current().authority_id) return invalid("unable to use current authority");
  const bool is_next = authority_id == of.next().authority_id;
  if (type == AuthorityType::kX509) {
    if (!is_next || of.next().status != Journal::OLD) {
      return invalid("only Old local authority can be revoked");
    }
  } else if (is_next && of.next().status == Journal::PREPARED) {
    return invalid("unable to use a prepared key");
  } else if (!is_next) {
    // Keys of earlier turns may go as long as the bundle has them.
    const BundlePtr bundle = bundles_.own();
    const auto has = [&](const auto& keys) {
      return std::any_of(keys.begin(), keys.end(),
                         [&](const auto& key) { return key.key_id() == authority_id; });
    };
    if (!bundle || !(type == AuthorityType::kJwt ? has(bundle->message.jwt_authorities())
                                                 : has(bundle->message.wit_authorities()))) {
      return refuse(std::string("invalid authority ID: no ") + of.title() +
                    " authority found with provided authority ID");
    }
  }
  if (const Status status = of.revoke(authority_id); !status.ok()) {
    return failed("revoke", of, status);
  }
  return AuthorityInfo{authority_id, 0, {}};
}

Result<std::string> Authorities::check_upstream_id(const std::string& subject_key_id) {
  if (subject_key_id.empty()) return refuse("no subject key ID provided");
  std::string id = lower(subject_key_id);
  if (id == x509_kind_.current().upstream_authority_id) {
    return refuse("unable to use upstream authority singing current authority");  // as the peer
  }
  const AuthorityKind::Slot& next = x509_kind_.next();
  if (id != next.upstream_authority_id) {
    return refuse("upstream authority didn't sign the old local authority");
  }
  if (next.status == Journal::PREPARED) {
    return refuse("only upstream authorities signing an old authority can be used");
  }
  return id;
}

Result<std::string> Authorities::taint_upstream(const std::string& subject_key_id) {
  std::lock_guard lock(mutex_);
  if (!ca_->upstream()) return Status::failed_precondition("upstream authority is not configured");
  auto id = check_upstream_id(subject_key_id);
  if (!id) return id.status().prefixed("provided subject key id is not valid");
  if (const Status status = x509_kind_.taint(*id); !status.ok()) {
    return Status::internal("failed to taint upstream authority: " + status.message());
  }
  return id;
}

Result<std::string> Authorities::revoke_upstream(const std::string& subject_key_id) {
  std::lock_guard lock(mutex_);
  if (!ca_->upstream()) return Status::failed_precondition("upstream authority is not configured");
  auto id = check_upstream_id(subject_key_id);
  if (!id) return id.status().prefixed("invalid subject key ID");
  if (const Status status = x509_kind_.revoke(*id); !status.ok()) {
    return Status::internal("failed to revoke X.509 upstream authority: " + status.message());
  }
  return id;
}

Status Authorities::leave() {
  std::lock_guard lock(mutex_);
  Status status;
  for (AuthorityKind* each :
       {static_cast<AuthorityKind*>(&x509_kind_), static_cast<AuthorityKind*>(&jwt_kind_),
        static_cast<AuthorityKind*>(&wit_kind_)}) {
    if (status.ok()) status = each->retire();
  }
  publish_snapshots();
  SIGNET_RETURN_IF_ERROR(std::move(status));
  left_ = true;
  host_.info("This server has left the trust domain: its authorities sign no more");
  return {};
}

}  // namespace signet::server
