#include "join_tokens.h"

#include "signet/store/v1/store.pb.h"

#include "crypto/encoding.h"
#include "crypto/hash.h"

namespace signet::server {
namespace {

std::string record_id(std::string_view token) { return crypto::hex_encode(crypto::sha256(token)); }

}  // namespace

std::string join_token_fingerprint(std::string_view token) {
  return record_id(token).substr(0, 16);
}

Record join_token_to_record(std::string_view token, std::int64_t expires_at) {
  store::v1::JoinToken body;
  body.set_expires_at(expires_at);
  Record record;
  record.kind = "join_token";
  record.id = record_id(token);
  record.if_revision = SIGNET_REVISION_ABSENT;
  record.expires_at = expires_at;
  record.body = body.SerializeAsString();
  return record;
}

Status create_join_token(const Datastore& datastore, std::string_view token,
                         std::int64_t expires_at) {
  Record record = join_token_to_record(token, expires_at);
  SIGNET_TRY(auto tx, datastore.write());
  if (const Status put = tx.put(record); !put.ok()) {
    return put.code() == Code::kAlreadyExists
               ? Status::already_exists(
                     "datastore-sql: UNIQUE constraint failed: join_tokens.token")
               : put;
  }
  return tx.commit().status();
}

Result<std::size_t> prune_join_tokens(const Datastore& datastore, std::int64_t now) {
  Query query;
  query.kind = "join_token";
  query.expires_before = now;
  query.headers_only = true;
  {
    SIGNET_TRY(auto look, datastore.read());
    SIGNET_TRY(const std::uint64_t expired, look.count(query));
    if (expired == 0) return std::size_t{0};
  }
  SIGNET_TRY(auto tx, datastore.write());
  SIGNET_TRY(const std::vector<Record> expired, tx.query(query));
  for (const Record& record : expired) {
    SIGNET_RETURN_IF_ERROR(tx.erase(record.kind, record.id));
  }
  SIGNET_RETURN_IF_ERROR(tx.commit().status());
  return expired.size();
}

}  // namespace signet::server
