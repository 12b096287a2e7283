"""The small services of the admin socket: Debug, Logger, Health."""

import unittest

from harness.api import ApiTest, entry, pause, service, table

debug, logger, health = service("Debug"), service("Logger"), service("Health")
LEVELS = ("PANIC", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE")


def at_fatal(ours, theirs):
    """Our log has no level above FATAL."""
    return ours[0]["answer"]["currentLevel"] == "FATAL" and theirs[0]["answer"]["currentLevel"] == "PANIC"


class Operators(ApiTest):
    @table()
    def test_debug(self):
        return [pause(1), debug("good", "GetInfo"),
                service("Entry")("good", "BatchCreateEntry", {"entries": [entry(1), entry(2)]}),
                service("Bundle")("good", "BatchCreateFederatedBundle",
                                  {"bundle": [{"trust_domain": "other.org"}]}),
                pause(6),  # SPIRE's answer is up to 5 s old
                debug("good", "GetInfo")]

    @table()
    def test_logger(self):
        calls = [logger("good", "GetLogger")]
        for level in LEVELS:
            calls += [logger("good", "SetLogLevel", {"new_level": level},
                             differs=at_fatal if level == "PANIC" else None)]
            calls += [logger("good", "GetLogger")] if level != "PANIC" else []
        return [*calls, logger("level-unspecified", "SetLogLevel"),
                logger("level-unknown", "SetLogLevel", {"new_level": 99}),
                logger("-", "SetLogLevel", {"new_level": -1}),
                logger("good", "ResetLogLevel"), logger("good", "GetLogger")]

    @table()
    def test_health(self):
        return [health("good", "Check"), health("of-a-service", "Check", {"service": "x"}),
                health("not-implemented", "List"), health("not-implemented", "Watch")]


if __name__ == "__main__":
    unittest.main()
