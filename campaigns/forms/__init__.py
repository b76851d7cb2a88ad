"""What a marketer fills in: the message, its time and its speed. (Who gets it: audiences.forms.)"""

from campaigns.forms.message import MessageForm, RevisionForm
from campaigns.forms.schedule import ScheduleForm, ThrottleForm
from campaigns.moments import wall_of

__all__ = ["MessageForm", "RevisionForm", "ScheduleForm", "ThrottleForm", "wall_of"]
