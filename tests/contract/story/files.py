"""Files and profile pictures."""

from tests.contract.story.telling import Story
from tests.flow.onswift.uploading import check, image, put

FORM = {"Content-Type": "multipart/form-data; boundary=b"}
HEAD = b'--b\r\nContent-Disposition: form-data; name="avatar"; filename="me.png"\r\nContent-Type: image/png\r\n\r\n'


async def tell(story: Story) -> None:
    """Upload a picture by a link, have it checked, download it; set it as an avatar, then another one from a form."""
    ann, content = story.ann, image()
    new = {"fileName": "me.png", "fileSize": len(content), "mimeType": "image/png", "uploadType": "avatar"}
    uploaded = await story.make(ann, "POST", "/api/upload/presigned-url", **new)
    id = uploaded["fileId"]
    assert (await put(ann, uploaded["uploadUrl"], content)).status == 200
    await story.make(ann, "POST", "/api/files/{fileId}/complete", id)
    await check(story.env, id)
    await story.make(ann, "GET", "/api/files/{fileId}/download-url", id)
    await story.make(ann, "POST", "/api/users/me/avatar", fileUrl=uploaded["fileUrl"])
    await story.call(ann, "POST", "/api/users/me/avatar", data=HEAD + content + b"\r\n--b--\r\n", headers=FORM)
