"""Users' files in S3: announced, uploaded, checked by a job, released, attached to an entity."""

from core.files.attaching import FileView as FileView
from core.files.attaching import attach as attach
from core.files.attaching import detach as detach
from core.files.attaching import shown as shown
from core.files.attaching import views_of as views_of
from core.files.erasing import erase_some as erase_some
from core.files.kinds.purposes import MB as MB
from core.files.kinds.purposes import ImageLimits as ImageLimits
from core.files.kinds.purposes import Purpose as Purpose
from core.files.kinds.purposes import kinds as kinds
from core.files.table import File as File
