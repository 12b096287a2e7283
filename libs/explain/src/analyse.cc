#include "explain/analyse.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <tuple>

#include "answer.h"
#include "explain/plain.h"
#include "phrases.h"

namespace signet::explain {
namespace {

using v1::Fault;

constexpr std::size_t kLongest = 32 * std::size_t{1024};  // finding, in bytes

class Analysis {
 public:
  Analysis(const Facts& facts, const Redacted& redacted) : facts_(facts), redacted_(redacted) {}

  v1::Explanation run() {
    note_failed();
    rank();
    about_agent();
    about_server();
    about_attestors();
    about_entries();
    about_clock();
    fill();
    return std::move(out_);
  }

 private:
  // ---- what is found

  v1::Finding& found(Fault fault, bool blocks, const std::string& text, const std::string& remedy) {
    v1::Finding& finding = findings_.emplace_back();
    finding.set_fault(fault);
    finding.set_blocks(blocks);
    finding.set_text(utf8(text, kLongest));
    finding.set_remedy(utf8(remedy, kLongest));
    return finding;
  }
  v1::Finding& found_at(const EntryFacts& entry, Fault fault, const std::string& text,
                        const std::string& remedy) {
    v1::Finding& finding = found(fault, true, text, remedy);
    finding.set_entry_id(entry.id);
    return finding;
  }
  std::string shown(const Selector& selector) const {
    return explain::shown(selector.to_string(), redacted_);
  }
  static std::string name_of(const EntryFacts& entry) {
    return "entry " + entry.id + " (" + entry.spiffe_id + ")";
  }

  void note_failed() {
    if (!facts_.attestors) return;
    for (const AttestorFacts& attestor : *facts_.attestors) {
      if (!attestor.status.ok()) failed_.insert(attestor.name);
    }
    all_failed_ = !facts_.attestors->empty() && failed_.size() == facts_.attestors->size();
  }

  // The nearest entry comes first; it explains, unless it has nothing to do with the caller.
  void rank() {
    for (const EntryFacts& entry : facts_.entries) {
      Candidate candidate{&entry, {}};
      if (facts_.selectors) {
        candidate.near = nearness(entry.selectors, *facts_.selectors);
      } else {
        candidate.near.has = entry.selectors;  // the caller's are not known: none is missed
        candidate.near.rank.has = entry.selectors.size();
      }
      if (facts_.named || candidate.near.related()) candidates_.push_back(std::move(candidate));
    }
    std::sort(candidates_.begin(), candidates_.end());
    const auto near = [this](const Candidate& c) { return facts_.named || c.comes_near(); };
    if (std::none_of(candidates_.begin(), candidates_.end(), near)) return;
    std::erase_if(candidates_, [&](const Candidate& c) { return !near(c); });
    target_ = &candidates_.front();
    if (facts_.elsewhere && !may_match(target_->near)) target_ = nullptr;
  }

  // One that matches elsewhere is nearer than one of ours that does not, unless that is misspelt or
  // asks for what a failed attestor might have found.
  bool may_match(const Nearness& near) const {
    const auto unknown = static_cast<std::size_t>(
        std::count_if(near.lacks.begin(), near.lacks.end(),
                      [this](const Selector& selector) { return failed(selector.type); }));
    return near.rank.misspelt + unknown >= near.lacks.size();
  }

  // The one that is meant, or else the one that hands out the entry that explains.
  const AgentFacts& agent() const {
    return target_ != nullptr && target_->entry->agent ? *target_->entry->agent : facts_.agent;
  }

  void about_agent() {
    const AgentFacts& agent = this->agent();
    if (cut_off() && agent.state != AgentFacts::State::kBanned) return;  // that is why
    if (agent.state == AgentFacts::State::kBanned) {
      found(v1::AGENT_BANNED, true, "the agent " + agent.id + " is banned",
            "signet server agent evict -spiffeID " + agent.id + ", then let it attest again");
    } else if (agent.state == AgentFacts::State::kNotAttested) {
      found(v1::AGENT_NOT_ATTESTED, true,
            (agent.id.empty() ? std::string("the agent") : "the agent " + agent.id) +
                " is not attested" + (agent.why.empty() ? "" : ": " + agent.why),
            "start the agent with a valid proof of its node (a new join token, say); its log says "
            "why it was refused");
    }
  }

  void about_server() {
    if (facts_.server.answer != ServerFacts::Answer::kAway || !agent().good() || cut_off()) return;
    const bool served = target_ != nullptr && target_->good();
    found(v1::SERVER_AWAY, !served, server_away(agent(), facts_.server),
          "see that the server runs and that server_address leads to it (signet server "
          "healthcheck); what it knows and this agent may not: " +
              server_command());
  }

  // Whether an attestor of this type failed, so that nothing is known of its selectors.
  bool failed(const std::string& type) const { return failed_.contains(type); }

  void about_attestors() {
    if (facts_.process_gone) {
      found(v1::PROCESS_GONE, true, facts_.asked + " is not there (any more)",
            "give the ID of a process that runs");
      return;
    }
    if (!facts_.attestors) return;
    // What an entry asks of them decides whether that is in the way.
    std::set<std::string> wanted;
    if (target_ != nullptr) {
      for (const Selector& selector : target_->near.lacks) wanted.insert(selector.type);
    }
    const bool someone = std::any_of(candidates_.begin(), candidates_.end(),
                                     [](const Candidate& c) { return c.good(); });
    for (const AttestorFacts& attestor : *facts_.attestors) {
      if (attestor.status.ok()) continue;
      // Where nothing comes near, an entry for what it would have found cannot be told from none.
      const bool nothing = target_ == nullptr && !facts_.elsewhere && !facts_.named;
      const bool blocks = all_failed_ || nothing || (!someone && wanted.contains(attestor.name));
      found(v1::ATTESTOR_FAILED, blocks, what_became_of(attestor), remedy_for(attestor));
    }
  }

  void about_entries() {
    if (facts_.process_gone || all_failed_) return;
    if (target_ == nullptr) return about_no_entry();
    const EntryFacts& entry = *target_->entry;
    about_bundles(entry);
    if (target_->good()) return;
    if (facts_.elsewhere)
      out_.add_notes("an entry whose selectors the caller all has is below another parent: " +
                     server_command());
    about_place(entry);
    if (entry.expired) {
      found_at(entry, v1::ENTRY_EXPIRED,
               name_of(entry) +
                   (entry.expires_at == 0
                        ? ": an entry above it has expired"
                        : " has expired (expires_at " + std::to_string(entry.expires_at) + ")"),
               "signet server entry update -entryID " + entry.id +
                   " with a later -entryExpiry, or a new entry");
    }
    if (entry.stored) {
      found_at(entry, v1::NO_ENTRY,
               name_of(entry) + " is for SVID stores (store_svid): workloads are not given it",
               "an entry without -storeSVID");
    }
    // What the agent must not have yet it does not lack.
    if (target_->unsynced() && !target_->outside() && !entry.expired && !entry.stored &&
        agent().good()) {
      found_at(entry, v1::NOT_SYNCED,
               "the agent does not have " + name_of(entry) + " as the server has it: it " +
                   how_far(agent(), facts_.server),
               "it comes with the next sync; if not, the agent's log says why, and an agent that "
               "is started anew asks for everything");
    }
    about_selectors(*target_);
    if (entry.svid_expired && !skewed()) {
      found_at(entry, v1::SVID_EXPIRED,
               "what the agent has for " + name_of(entry) + " has expired and was not renewed",
               "the agent's log says why the server signs nothing for it");
    }
  }

  void about_no_entry() {
    if (facts_.elsewhere) {
      found(v1::WRONG_PARENT, true,
            "an entry whose selectors the caller all has is not below this agent" +
                (agent().id.empty() ? std::string() : " (" + agent().id + ")"),
            "give the entry a parent that this agent is, or answers to; which one it is says: " +
                server_command());
      return;
    }
    if (facts_.named) {
      found(v1::NO_ENTRY, true, "there is no such entry", "signet server entry show");
      return;
    }
    if (!facts_.selectors || !failed_.empty() || !agent().good()) return;
    using Answer = ServerFacts::Answer;
    const Answer answer = facts_.server.answer;
    if (answer == Answer::kAway || answer == Answer::kNotAsked) return;  // it may have one
    if (!agent().synced) {
      found(v1::NOT_SYNCED, true,
            "the agent has not had its entries from the server yet" +
                (agent().why.empty() ? "" : ": " + agent().why),
            "it goes on trying; its log says why it does not succeed");
      return;
    }
    found(v1::NO_ENTRY, true, "no entry that this agent may hand out has any of the selectors",
          "signet server entry create, with selectors from those below");
  }

  void about_place(const EntryFacts& entry) {
    using Place = EntryFacts::Place;
    const std::string remedy = "signet server entry update -entryID " + entry.id +
                               " with the agent's ID (or an ID it answers to) as -parentID";
    switch (entry.place) {
      case Place::kHere:
        return;
      case Place::kServer:
        found_at(entry, v1::WRONG_PARENT,
                 name_of(entry) + " is a node alias: it names nodes and is not handed out",
                 "an entry below it, with -parentID " + entry.spiffe_id);
        return;
      case Place::kNobody:
        found_at(entry, v1::WRONG_PARENT,
                 "the parent of " + name_of(entry) + ", " + entry.parent_id +
                     ", is no agent and no entry that an agent answers to",
                 remedy);
        return;
      case Place::kElsewhere:
        found_at(entry, v1::WRONG_PARENT,
                 name_of(entry) + " is below " + entry.parent_id + ", not below the agent" +
                     (agent().id.empty() ? std::string() : " " + agent().id),
                 remedy);
    }
  }

  // Each selector that is lacked has one cause.
  void about_selectors(const Candidate& candidate) {
    const EntryFacts& entry = *candidate.entry;
    std::vector<const Selector*> user, missing;
    std::set<std::string> no_attestor;
    for (const Selector& selector : candidate.near.lacks) {
      if (failed(selector.type)) continue;  // its attestor is the cause
      if (facts_.attestors && !asked(selector.type)) {
        no_attestor.insert(selector.type);
      } else if (other_user(selector)) {
        user.push_back(&selector);
      } else {
        missing.push_back(&selector);
      }
    }
    for (const std::string& type : no_attestor) {
      found_at(entry, v1::ATTESTOR_MISSING,
               name_of(entry) + " asks for selectors of type " + type +
                   ", and this agent has no such attestor",
               "WorkloadAttestor \"" + type + "\" in the agent's configuration");
    }
    if (!user.empty()) {
      v1::Finding& finding =
          found_at(entry, v1::WRONG_UID,
                   name_of(entry) + " is for another user: it asks for " + list(user) +
                       ", the caller has " + kin(user),
                   "run the workload as that user, or change the entry's selector");
      for (const Selector* s : user) finding.add_selectors(shown(*s));
    }
    for (const Selector* s : missing) {
      const Selector* const like =
          is_redacted(s->to_string(), redacted_) ? nullptr : nearest_kin(*s, *facts_.selectors);
      v1::Finding& finding =
          found_at(entry, v1::SELECTOR_MISSING,
                   name_of(entry) + " asks for " + shown(*s) + ", which the caller does not have" +
                       (like == nullptr ? "" : "; it has " + shown(*like)),
                   "correct the entry's selector, or what it is about");
      finding.add_selectors(shown(*s));
    }
  }

  bool asked(const std::string& type) const {
    return std::any_of(facts_.attestors->begin(), facts_.attestors->end(),
                       [&](const AttestorFacts& a) { return a.name == type; });
  }
  // unix:uid:1000 for a caller whose unix:uid is another one; its name goes with it.
  bool other_user(const Selector& wanted) const {
    return Candidate::names_user(wanted) && nearest_kin(wanted, *facts_.selectors) != nullptr;
  }
  std::string list(const std::vector<const Selector*>& selectors) const {
    std::vector<std::string> words;
    for (const Selector* s : selectors) words.push_back(shown(*s));
    return joined(words);
  }
  std::string kin(const std::vector<const Selector*>& selectors) const {
    std::vector<std::string> words;
    for (const Selector* s : selectors) words.push_back(shown(*nearest_kin(*s, *facts_.selectors)));
    return joined(words);
  }

  // An identity is given without them; its holder cannot verify peers of those domains.
  void about_bundles(const EntryFacts& entry) {
    for (const std::string& name : entry.federates_with) {
      const bool there = !facts_.missing_at_server.contains(name);
      if (there && !facts_.missing_at_agent.contains(name)) continue;
      v1::Finding& finding =
          found(v1::BUNDLE_MISSING, false,
                name_of(entry) + " federates with " + name + ", whose bundle " +
                    (there ? "the agent does not have" : "the server does not have"),
                there ? "it comes with the next sync, if the server has it: signet server bundle "
                        "list -id spiffe://" +
                            name
                      : "signet server bundle set -id spiffe://" + name +
                            ", or signet server federation create");
      finding.set_entry_id(entry.id);
    }
  }

  std::chrono::nanoseconds skew() const {
    if (agent().time_ns == 0 || facts_.server.time_ns == 0) return {};
    return std::chrono::nanoseconds(agent().time_ns - facts_.server.time_ns);
  }
  bool skewed() const { return skew() > kSkew || skew() < -kSkew; }

  // The clock alone keeps the agent from its server.
  bool cut_off() const {
    using Answer = ServerFacts::Answer;
    const Answer answer = facts_.server.answer;
    return agent().clock_off.count() != 0 &&
           (answer == Answer::kAway || answer == Answer::kNotAsked);
  }

  void about_clock() {
    if (cut_off()) {
      const std::int64_t off = agent().clock_off.count();
      const bool served = target_ != nullptr && target_->good() && agent().good();
      found(v1::CLOCK_SKEW, !served,
            "the agent's clock is at least " + std::to_string(std::abs(off)) + " s " +
                (off > 0 ? "ahead of" : "behind") +
                " the server's: it takes the server's certificate for one of another time",
            "set the clock of the node (or of the server) right");
      return;
    }
    if (!skewed()) return;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(skew()).count();
    const bool blocks = target_ != nullptr && target_->entry->svid_expired;
    found(v1::CLOCK_SKEW, blocks,
          "the agent's clock is " + std::to_string(std::abs(seconds)) + " s " +
              (seconds > 0 ? "ahead of" : "behind") + " the server's" +
              (facts_.server.time_age.count() == 0
                   ? ""
                   : " (compared " + whole_seconds(facts_.server.time_age) + " ago)") +
              (blocks ? ", so what the server signs has expired there" : ""),
          "set the clock of the node (or of the server) right");
  }

  std::string server_command() const {
    return explain::server_command(agent(), facts_.selectors, redacted_);
  }

  // ---- the answer

  void fill() {
    // A wrong clock that is in the way is so before all else.
    const auto order = [](const v1::Finding& finding) {
      const bool clock = finding.blocks() && finding.fault() == v1::CLOCK_SKEW;
      return std::tuple(!finding.blocks(), !clock, finding.fault());
    };
    std::stable_sort(findings_.begin(), findings_.end(),
                     [&](const auto& a, const auto& b) { return order(a) < order(b); });
    if (!findings_.empty() && findings_.front().blocks()) findings_.front().set_decides(true);
    out_.set_identity(target_ != nullptr && target_->good() && agent().good() &&
                      (findings_.empty() || !findings_.front().blocks()));
    for (v1::Finding& finding : findings_) *out_.add_findings() = std::move(finding);
    fill_answer(facts_, agent(), redacted_, candidates_, out_);
  }

  const Facts& facts_;
  const Redacted& redacted_;
  std::vector<Candidate> candidates_;  // nearest first
  const Candidate* target_ = nullptr;  // what explains; null: nothing comes near
  std::set<std::string> failed_;       // attestors
  bool all_failed_ = false;
  std::vector<v1::Finding> findings_;
  v1::Explanation out_;
};

}  // namespace

v1::Explanation analyse(const Facts& facts, const Redacted& redacted) {
  return Analysis(facts, redacted).run();
}

}  // namespace signet::explain
