"""Firebase Cloud Messaging: one POST for a device and a message.

HTTP v1 API, firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send. Time to live,
priority and collapse key are parts of the message itself, so the payload carries them.
"""

from __future__ import annotations

from .messages import AppEndpoint, BadMessage, Message, Request, Service

# "4096 bytes for most messages" (firebase.google.com/docs/cloud-messaging/error-codes) are those of
# the notification and the data; the options around them are counted as well here.
MAX_PAYLOAD = 4096


def request_for(endpoint: AppEndpoint, message: Message) -> Request:
    """The request that delivers `message`, whose payload is the JSON object `message` without the
    address, to `endpoint`. Raises `BadMessage`: nothing has been sent then.
    """
    message.check()
    payload, address = message.payload, endpoint.address
    if len(payload) > MAX_PAYLOAD:
        sentence = f"The message has {len(payload)} bytes; at most {MAX_PAYLOAD} can be sent."
        raise BadMessage("payload_too_large", sentence)
    if len(payload) <= 2 or not (payload.startswith(b'{"') and payload.endswith(b"}")):
        raise BadMessage("payload_empty", "The message is empty.")
    # The address has only characters that JSON takes as they are.
    target = f'{{"message":{{"{address.kind}":"{address.value}",'.encode()
    return Request(
        url=f"{endpoint.key.base}/v1/projects/{address.app}/messages:send",
        headers=(
            ("Authorization", f"Bearer {endpoint.key.token}"),
            ("Content-Type", "application/json"),
        ),
        body=b"%b%b}" % (target, payload[1:]),
        service=Service.FCM_APPS,
    )
