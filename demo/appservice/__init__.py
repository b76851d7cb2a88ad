"""A sandbox for apps: Google's FCM HTTP v1 with its token service, and Apple's APNs, on loopback.

It stands in for both, so that apps can be tried without the internet, and so that a test can read
from its log what really was accepted. Its virtual phones register at Beckon as an app would. It can
misbehave on demand. Never expose it: whoever reaches it can make it do all of that.
"""
