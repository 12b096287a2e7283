#include "entry_sync.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
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

constexpr uint32_t kEntriesField = api::SyncAuthorizedEntriesResponse::kEntriesFieldNumber;
constexpr uint32_t kMoreField = api::SyncAuthorizedEntriesResponse::kMoreFieldNumber;

// What is sent before the agent is heard again, cut into answers.
class Pages {
 public:
  virtual ~Pages() = default;
  /// The next answer, until the next call; without any entry there is an empty one.
  virtual std::string_view next() = 0;
  /// Whether next() has given all.
  virtual bool over() = 0;
};

// The list as it is when the agent asks: in full when it is short, else its revisions, which are
// written while the entries are gone through once.
class AuthorizedList final : public Pages {
 public:
  AuthorizedList(const EntryIndex& index, const std::string& agent_id, uint32_t fields) {
    std::vector<IndexedPtr> first;
    first.reserve(kShortList);
    index.for_each_authorized(agent_id, [&](const IndexedEntry& entry) {
      if (first.size() < kShortList) {
        first.emplace_back(&entry);
      } else {
        add_revision(entry);
      }
    });
    in_full_ = bytes_.empty() && add_entries(first, fields);
    if (!in_full_) {
      for (const IndexedPtr& entry : first) add_revision(*entry);
    }
    ends_.push_back(bytes_.size());
  }

  /// It is the entries themselves, all in one answer.
  bool in_full() const { return in_full_; }

  std::string_view next() override {
    const std::size_t from = page_ == 0 ? 0 : ends_[page_ - 1];
    return std::string_view(bytes_).substr(from, ends_[page_++] - from);
  }
  bool over() override { return page_ == ends_.size(); }

 private:
  // False, and nothing is added, when one answer cannot hold them.
  bool add_entries(const std::vector<IndexedPtr>& entries, uint32_t fields) {
    for (const IndexedPtr& entry : entries)
      append_entry_field(kEntriesField, entry->encoded(), fields, bytes_);
    if (bytes_.size() <= kLongestAnswer) return true;
    bytes_.clear();
    return false;
  }
  void add_revision(const IndexedEntry& entry) {
    using Revision = api::EntryRevision;
    const auto number = static_cast<uint64_t>(entry.revision_number());
    const auto created_at = static_cast<uint64_t>(entry.created_at());
    const std::size_t size = field_size(Revision::kIdFieldNumber, entry.id()) +
                             number_field_size(Revision::kRevisionNumberFieldNumber, number) +
                             number_field_size(Revision::kCreatedAtFieldNumber, created_at);
    const std::size_t page_begin = ends_.empty() ? 0 : ends_.back();
    if (on_page_ == kRevisionPage ||
        (on_page_ > 0 && bytes_.size() - page_begin + kFieldHead + size > kPageBytes)) {
      append_number_field(kMoreField, 1, bytes_);
      ends_.push_back(bytes_.size());
      on_page_ = 0;
    }
    ++on_page_;
    append_field_head(api::SyncAuthorizedEntriesResponse::kEntryRevisionsFieldNumber, size, bytes_);
    append_field(Revision::kIdFieldNumber, entry.id(), bytes_);
    append_number_field(Revision::kRevisionNumberFieldNumber, number, bytes_);
    append_number_field(Revision::kCreatedAtFieldNumber, created_at, bytes_);
  }

  bool in_full_ = false;
  std::string bytes_;              // of all pages
  std::vector<std::size_t> ends_;  // of each page
  std::size_t on_page_ = 0;        // revisions
  std::size_t page_ = 0;           // the next one
};

// Those of a request's IDs that the agent is authorised for; the IDs lie in `request`.
class RequestedEntries final : public Pages {
 public:
  RequestedEntries(const EntryIndex& index, std::string agent_id, uint32_t fields,
                   std::shared_ptr<const std::string> request, std::vector<std::string_view> ids)
      : index_(index),
        agent_id_(std::move(agent_id)),
        fields_(fields),
        request_(std::move(request)),
        ids_(std::move(ids)) {}

  std::string_view next() override {
    page_.clear();
    for (std::size_t n = 0; !over(); ++n, ++at_) {
      const std::size_t before = page_.size();
      append_entry_field(kEntriesField, found_[at_]->encoded(), fields_, page_);
      if (page_.size() > kPageBytes && n > 0) {
        page_.resize(before);
        break;
      }
    }
    if (!over()) append_number_field(kMoreField, 1, page_);
    return page_;
  }
  bool over() override {
    while (at_ == found_.size() && looked_up_ < ids_.size()) {
      const auto rest = std::span(ids_).subspan(looked_up_);
      const auto some = rest.first(std::min(kLookedUpAtOnce, rest.size()));
      looked_up_ += some.size();
      found_ = index_.find_authorized(agent_id_, some);
      at_ = 0;
    }
    return at_ == found_.size();
  }

 private:
  const EntryIndex& index_;
  std::string agent_id_;
  uint32_t fields_;
  std::shared_ptr<const std::string> request_;
  std::vector<std::string_view> ids_;
  std::size_t looked_up_ = 0;
  std::vector<IndexedPtr> found_;
  std::size_t at_ = 0;
  std::string page_;
};

// One call. All its functions run one at a time, as the transport promises.
class EntrySync : public std::enable_shared_from_this<EntrySync> {
 public:
  EntrySync(std::shared_ptr<CallContext> call, const EntryIndex& index, uint32_t fields)
      : call_(std::move(call)),
        index_(index),
        agent_id_(call_->caller_id().to_string()),
        fields_(fields) {}

  void start() {
    auto list = std::make_unique<AuthorizedList>(index_, agent_id_, fields_);
    if (list->in_full()) {
      (void)call_->call().send(call_->host().blob(list->next()));
      call_->finish({});
      return;
    }
    const auto self = shared_from_this();
    call_->call().on_message = [self](std::string_view bytes) { self->request(bytes); };
    call_->call().on_half_close = [self] { self->client_done(); };
    call_->call().on_writable = [self] { self->pump(); };
    phase_ = std::move(list);
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
    phase_ = std::make_unique<RequestedEntries>(index_, agent_id_, fields_, kept, std::move(ids));
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
  std::unique_ptr<Pages> phase_;  // what is being sent; none between phases
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
