"""What the integration and interop tests stand on: real processes, real sockets, no other packages.

A test is a `case.TestCase`. It starts servers and agents, Signet's or SPIRE's, from the same
configuration text, talks to them with their command lines and with spiffe-probe, and everything
that was started ends with the test, whatever the outcome.
"""
