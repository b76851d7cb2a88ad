"""A sandbox push service: RFC 8030, RFC 8291 and RFC 8292 on loopback, with virtual browsers.

It stands in for the push services of Google, Mozilla and Apple, so that everything can be tried
without internet, and so that a test can read from its log what really was accepted. It can
misbehave on demand. Never expose it: whoever reaches it can make it do all of that.
"""
