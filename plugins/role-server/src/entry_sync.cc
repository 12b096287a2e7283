#include "entry_sync.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "api_status.h"
#include "entry_wire.h"
#include "spire/api/server/entry/v1/entry.pb.h"

namespace signet::server {
namespace {

namespace api = ::spire::api::server::entry::v1;

// An agent's list of so many entries is sent in full each time, as the peer does.
constexpr std::size_t kShortList = 500;
// Agents ask for as many entries at once as the first page had revisions. The peer has 500 in a
// page; each page is a turn of both sides, and 100,000 entries took 400 of them. The IDs of one
// page fit a request of 4 MiB, the most that a server takes.
constexpr std::size_t kRevisionPage = 10'000;
// Real agents take answers of 4 MiB at most.
constexpr std::size_t kLongestAnswer = 3 << 20;
// Where there are more answers than one: short enough to stay in the processor's cache and in
// memory that is used again, while it goes from here to the socket.
constexpr std::size_t kPageBytes = 128 << 10;

// So many entries are looked up, then copied while the processor's cache still has them.
constexpr std::size_t kLookedUpAtOnce = 128;

// Entries cut into answers.
class Pages {
 public:
  using Source = std::function<std::vector<IndexedPtr>()>;  // some more entries; none: that was all
  using Append = void (*)(const IndexedEntry& entry, uint32_t fields, std::string& page);

  Pages(Source source, Append append, uint32_t fields, std::size_t page_bytes = kPageBytes)
      : source_(std::move(source)), append_(append), fields_(fields), page_bytes_(page_bytes) {}

  /// The next answer, until the next call; without any entry there is an empty one.
  const std::string& next() {
    page_.clear();
    for (std::size_t n = 0; n < kRevisionPage && !over(); ++n, ++at_) {
      const std::size_t before = page_.size();
      append_(*some_[at_], fields_, page_);
      if (page_.size() > page_bytes_ && n > 0) {
        page_.resize(before);
        break;
      }
    }
    if (!over())
      append_number_field(api::SyncAuthorizedEntriesResponse::kMoreFieldNumber, 1, page_);
    return page_;
  }
  /// Whether next() has given all.
  bool over() {
    if (at_ == some_.size()) {
      some_ = source_();
      at_ = 0;
    }
    return some_.empty();
  }

 private:
  Source source_;
  Append append_;
  uint32_t fields_;
  std::size_t page_bytes_;
  std::vector<IndexedPtr> some_;
  std::size_t at_ = 0;
  std::string page_;
};

// All at once.
Pages::Source source_of(std::vector<IndexedPtr> entries) {
  return [entries = std::move(entries)]() mutable { return std::exchange(entries, {}); };
}

// Those of a request's IDs that the agent is authorised for; the IDs lie in `request`.
class Requested {
 public:
  Requested(const EntryIndex& index, std::string agent_id,
            std::shared_ptr<const std::string> request, std::vector<std::string_view> ids)
      : index_(index),
        agent_id_(std::move(agent_id)),
        request_(std::move(request)),
        ids_(std::move(ids)) {}

  std::vector<IndexedPtr> operator()() {
    std::vector<IndexedPtr> found;
    while (found.empty() && at_ < ids_.size()) {
      const auto some =
          std::span(ids_).subspan(at_).first(std::min(kLookedUpAtOnce, ids_.size() - at_));
      at_ += some.size();
      found = index_.find_authorized(agent_id_, some);
    }
    return found;
  }

 private:
  const EntryIndex& index_;
  std::string agent_id_;
  std::shared_ptr<const std::string> request_;
  std::vector<std::string_view> ids_;
  std::size_t at_ = 0;
};

void append_entry(const IndexedEntry& entry, uint32_t fields, std::string& page) {
  append_entry_field(api::SyncAuthorizedEntriesResponse::kEntriesFieldNumber, entry.encoded(),
                     fields, page);
}

void append_revision(const IndexedEntry& entry, uint32_t, std::string& page) {
  using Revision = api::EntryRevision;
  const auto number = static_cast<uint64_t>(entry.revision_number());
  const auto created_at = static_cast<uint64_t>(entry.created_at());
  append_field_head(api::SyncAuthorizedEntriesResponse::kEntryRevisionsFieldNumber,
                    field_size(Revision::kIdFieldNumber, entry.id()) +
                        number_field_size(Revision::kRevisionNumberFieldNumber, number) +
                        number_field_size(Revision::kCreatedAtFieldNumber, created_at),
                    page);
  append_field(Revision::kIdFieldNumber, entry.id(), page);
  append_number_field(Revision::kRevisionNumberFieldNumber, number, page);
  append_number_field(Revision::kCreatedAtFieldNumber, created_at, page);
}

// One call. All its functions run one at a time, as the transport promises.
class EntrySync : public std::enable_shared_from_this<EntrySync> {
 public:
  EntrySync(std::shared_ptr<CallContext> call, const EntryIndex& index, uint32_t fields)
      : call_(std::move(call)),
        index_(index),
        agent_id_(call_->caller_id().to_string()),
        fields_(fields) {}

  void start() {
    std::vector<IndexedPtr> entries = index_.authorized(agent_id_);
    if (entries.size() <= kShortList) {
      Pages in_full(source_of(entries), &append_entry, fields_, kLongestAnswer);
      const std::string& page = in_full.next();
      if (in_full.over()) {
        (void)call_->call().send(call_->host().blob(page));
        call_->finish({});
        return;
      }
    }
    const auto self = shared_from_this();
    call_->call().on_message = [self](std::string_view bytes) { self->request(bytes); };
    call_->call().on_half_close = [self] { self->client_done(); };
    call_->call().on_writable = [self] { self->pump(); };
    phase_.emplace(source_of(std::move(entries)), &append_revision, fields_);
    pump();
  }

 private:
  void request(std::string_view bytes) {
    // Thousands of IDs: they are read where they lie.
    const auto kept = std::make_shared<const std::string>(bytes);
    std::vector<std::string_view> ids;
    if (!read_texts(*kept, api::SyncAuthorizedEntriesRequest::kIdsFieldNumber, ids)) {
      call_->finish(Status::internal("grpc: error unmarshalling request"));  // gRPC's words
      return;
    }
    phase_.emplace(Requested(index_, agent_id_, kept, std::move(ids)), &append_entry, fields_);
    pump();
  }

  void client_done() {
    client_done_ = true;
    if (!phase_ && !pending_) call_->finish({});
  }

  // Sends pages until the phase is over or the agent reads too slowly.
  void pump() {
    while (pending_ || phase_) {
      if (!pending_) {
        pending_ = call_->host().blob(phase_->next());
        if (phase_->over()) phase_.reset();
      }
      const Status sent = call_->call().send(pending_);
      if (sent.code() == Code::kResourceExhausted) return;  // on_writable comes
      pending_ = Blob();
      if (!sent.ok()) return;
    }
    if (client_done_) {
      call_->finish({});
    } else {
      call_->call().read();
    }
  }

  std::shared_ptr<CallContext> call_;
  const EntryIndex& index_;
  const std::string agent_id_;
  const uint32_t fields_;
  std::optional<Pages> phase_;  // what is being sent; none between phases
  Blob pending_;
  bool client_done_ = false;
};

}  // namespace

void start_entry_sync(std::shared_ptr<CallContext> call, const EntryIndex& index,
                      std::string_view first) {
  api::SyncAuthorizedEntriesRequest request;
  if (!call->call().parse(first, request)) return;
  if (request.ids_size() > 0) {
    call->finish(api_error(call->host(), Code::kInvalidArgument,
                           "specifying IDs on initial request is not supported"));
    return;
  }
  if (request.has_output_mask() && !request.output_mask().revision_number()) {
    call->finish(
        api_error(call->host(), Code::kInvalidArgument, "revision number cannot be masked"));
    return;
  }
  const uint32_t fields =
      entry_fields(request.has_output_mask() ? &request.output_mask() : nullptr);
  std::make_shared<EntrySync>(std::move(call), index, fields)->start();
}

}  // namespace signet::server
