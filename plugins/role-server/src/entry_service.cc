// spire.api.server.entry.v1.Entry: the calls that manage registration entries, and the two by
// which agents fetch theirs (entry_sync.cc has the streaming one).
#include <algorithm>
#include <tuple>

#include "api_id.h"
#include "api_status.h"
#include "entry_audit.h"
#include "entry_query.h"
#include "entry_store.h"
#include "entry_sync.h"
#include "entry_validation.h"
#include "entry_wire.h"
#include "method_registry.h"
#include "service_context.h"
#include "spire/api/server/entry/v1/entry.pb.h"

namespace signet::server {
namespace {

namespace api = ::spire::api::server::entry::v1;
using spire::api::types::Entry;
using spire::api::types::EntryMask;

constexpr uint32_t kEntriesField = 1;  // of ListEntriesResponse and GetAuthorizedEntriesResponse
constexpr uint32_t kNextPageTokenField = 2;

uint32_t output_fields(const auto& request) {
  return entry_fields(request.has_output_mask() ? &request.output_mask() : nullptr);
}

// SPIRE answers a write with selectors and DNS names in order; a later read gives them as they were
// written, and the first name written is the certificate's common name.
void sort_sets(Entry& entry) {
  std::sort(entry.mutable_dns_names()->begin(), entry.mutable_dns_names()->end());
  std::sort(entry.mutable_selectors()->begin(), entry.mutable_selectors()->end(),
            [](const auto& a, const auto& b) {
              return std::tie(a.type(), a.value()) < std::tie(b.type(), b.value());
            });
}

class EntryService {
 public:
  explicit EntryService(ServiceContext& context)
      : context_(context), store_(*context.entry_store) {}

  Status count(CallContext& call, const api::CountEntriesRequest& request,
               api::CountEntriesResponse& response) {
    SIGNET_TRY(const Query query, entry_query(context_, request));
    const Result<uint64_t> count = store_.count(query);
    if (!count) return store_error(call.host(), "failed to count entries", count.status());
    response.set_count(static_cast<int32_t>(*count));
    return {};
  }

  // The page's entries go from the store into the answer as bytes.
  Result<Blob> list(CallContext& call, const api::ListEntriesRequest& request) {
    SIGNET_TRY(Query query, entry_query(context_, request));
    if (request.page_size() > 0) {
      const Result<uint64_t> after = parse_page_token(request.page_token());
      if (!after) {  // the peer's words, its slip of the text included
        return api_error(
            call.host(), Code::kInternal, "failed to list entries",
            Status::invalid_argument("datastore-sql: rpc error: code = InvalidArgument desc = " +
                                     after.status().message()));
      }
      query.after_row = *after;
      query.limit = static_cast<uint32_t>(request.page_size());
    }
    const Result<EntryStore::Page> page = store_.list(query);
    if (!page) return store_error(call.host(), "failed to list entries", page.status());
    const uint32_t fields = output_fields(request);
    std::string answer;
    for (const std::string& encoded : page->encoded)
      append_entry_field(kEntriesField, encoded, fields, answer);
    if (request.page_size() > 0 && page->last_row != 0) {
      append_field(kNextPageTokenField, std::to_string(page->last_row), answer);
    }
    return call.host().blob(answer);
  }

  Status get(CallContext& call, const api::GetEntryRequest& request, Entry& response) {
    if (request.id().empty()) return api_error(call.host(), Code::kInvalidArgument, "missing ID");
    call.audit("entry_id", request.id());
    Result<Entry> entry = store_.get(request.id());
    if (!entry) {
      return entry.status().code() == Code::kNotFound
                 ? api_error(call.host(), Code::kNotFound, "entry not found")
                 : store_error(call.host(), "failed to fetch entry", entry.status());
    }
    response = std::move(*entry);
    apply_mask(response, output_fields(request));
    return {};
  }

  Status create(CallContext& call, const api::BatchCreateEntryRequest& request,
                api::BatchCreateEntryResponse& response) {
    constexpr uint32_t kAll = ~uint32_t{0};
    const uint32_t fields = output_fields(request);
    const std::vector<Result<Entry>> wanted = convert(call, request.entries(), kAll);
    std::vector<Result<StoredEntry>> stored = store_.create(wanted);
    for (std::size_t n = 0; n < stored.size(); ++n) {
      auto* result = response.add_results();
      answer_write(call, {request.entries(static_cast<int>(n)), kAll, fields}, wanted[n], stored[n],
                   "failed to create entry", *result);
    }
    return {};
  }

  Status update(CallContext& call, const api::BatchUpdateEntryRequest& request,
                api::BatchUpdateEntryResponse& response) {
    const uint32_t input = entry_fields(request.has_input_mask() ? &request.input_mask() : nullptr);
    const uint32_t fields = output_fields(request);
    const std::vector<Result<Entry>> wanted = convert(call, request.entries(), input);
    std::vector<Result<StoredEntry>> stored = store_.update(wanted, input);
    for (std::size_t n = 0; n < stored.size(); ++n) {
      auto* result = response.add_results();
      answer_write(call, {request.entries(static_cast<int>(n)), input, fields}, wanted[n],
                   stored[n], "failed to update entry", *result);
    }
    return {};
  }

  Status remove(CallContext& call, const api::BatchDeleteEntryRequest& request,
                api::BatchDeleteEntryResponse& response) {
    const std::vector<std::string> ids(request.ids().begin(), request.ids().end());
    const std::vector<Status> removed = store_.remove(ids);
    for (std::size_t n = 0; n < ids.size(); ++n) {
      auto* result = response.add_results();
      Status status = removed[n];
      if (status.code() == Code::kNotFound) {
        status = api_error(call.host(), Code::kNotFound, "entry not found");
      } else if (status.code() == Code::kInvalidArgument) {
        status = api_error(call.host(), Code::kInvalidArgument, "missing entry ID");
      } else if (!status.ok()) {
        status = store_error(call.host(), "failed to delete entry", status);
      }
      fill_status(status, result->mutable_status());
      result->set_id(ids[n]);
      if (call.auditing()) call.audit_item(status, {{"entry_id", ids[n]}});
    }
    return {};
  }

  Result<Blob> authorized(CallContext& call, const api::GetAuthorizedEntriesRequest& request) {
    const uint32_t fields = output_fields(request);
    const std::vector<IndexedPtr> entries = store_.index().authorized(call.caller_id().to_string());
    std::size_t size = 0;
    for (const IndexedPtr& entry : entries) size += entry->encoded().size() + kFieldHead;
    std::string answer;
    answer.reserve(size);
    for (const IndexedPtr& entry : entries)
      append_entry_field(kEntriesField, entry->encoded(), fields, answer);
    return call.host().blob(answer);
  }

  void sync(std::shared_ptr<CallContext> call, std::string_view first) {
    start_entry_sync(std::move(call), store_.index(), first);
  }

 private:
  // An entry as it was asked for, which of its fields count, and which ones the answer has.
  struct Asked {
    const Entry& entry;
    uint32_t input, output;
  };
  template <typename Answer>
  static void answer_write(CallContext& call, const Asked& asked, const Result<Entry>& wanted,
                           Result<StoredEntry>& stored, const char* failure, Answer& answer) {
    Status status;
    if (!wanted) {
      status = wanted.status();
    } else if (!stored) {
      status = failed(call, failure, stored.status());
    } else {
      if (stored->existed) {
        status = Status::already_exists("similar entry already exists");
      } else {
        sort_sets(stored->entry);
      }
      apply_mask(stored->entry, asked.output);
      *answer.mutable_entry() = std::move(stored->entry);
    }
    fill_status(status, answer.mutable_status());
    if (call.auditing())
      call.audit_item(status, entry_audit_fields(asked.entry, asked.input,
                                                 call.services().config->redact_selectors));
  }
  std::vector<Result<Entry>> convert(CallContext& call,
                                     const google::protobuf::RepeatedPtrField<Entry>& entries,
                                     uint32_t fields) {
    std::vector<Result<Entry>> out;
    out.reserve(static_cast<std::size_t>(entries.size()));
    for (const Entry& entry : entries) {
      out.push_back(entry_from_api(context_.trust_domain(), entry, fields));
      if (!out.back()) {
        out.back() = api_error(call.host(), Code::kInvalidArgument, "failed to convert entry",
                               out.back().status());
      }
    }
    return out;
  }
  static Status failed(CallContext& call, const char* message, const Status& cause) {
    return api_error(call.host(), cause.code() == Code::kUnknown ? Code::kInternal : cause.code(),
                     message, cause);
  }

  ServiceContext& context_;
  EntryStore& store_;
};

}  // namespace

void register_entry_service(MethodRegistry& methods, ServiceContext& context) {
  const auto s = std::make_shared<EntryService>(context);
  const std::string prefix = "/spire.api.server.entry.v1.Entry/";
  methods.unary(prefix + "CountEntries", bind(s, &EntryService::count));
  methods.unary(prefix + "ListEntries", bind(s, &EntryService::list));
  methods.unary(prefix + "GetEntry", bind(s, &EntryService::get));
  methods.unary(prefix + "BatchCreateEntry", bind(s, &EntryService::create));
  methods.unary(prefix + "BatchUpdateEntry", bind(s, &EntryService::update));
  methods.unary(prefix + "BatchDeleteEntry", bind(s, &EntryService::remove));
  methods.unary(prefix + "GetAuthorizedEntries", bind(s, &EntryService::authorized));
  methods.stream(prefix + "SyncAuthorizedEntries",
                 SIGNET_RPC_CLIENT_STREAM | SIGNET_RPC_SERVER_STREAM,
                 [s](std::shared_ptr<CallContext> c, std::string_view first) {
                   s->sync(std::move(c), first);
                 });
}

}  // namespace signet::server
