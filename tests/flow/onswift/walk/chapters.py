"""The walk itself: a creator and a talent leave a marker in every text that the contract lets them choose."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import FormData

from core.clock import now
from core.identity import INSERT_ONE_TIME_TOKEN, RESET, digest
from core.verification import VERIFY
from tests.flow.api.conftest import PASSWORD, Api, Caller
from tests.flow.conftest import Chatter, House
from tests.flow.onswift.uploading import check, image
from tests.flow.onswift.walk.marks import Marks
from tests.flow.onswift.walk.walker import Record, Walker

DAY = "2999-12-31"
CONVERSATION = "/api/conversations/{conversationId}"
MESSAGES = CONVERSATION + "/messages"
MESSAGE = MESSAGES + "/{messageId}"
PROJECT = "/api/projects/{projectId}"
TASK = PROJECT + "/tasks/{taskId}"
COMMENTS = TASK + "/comments"
DELIVERABLE = "/api/deliverables/{deliverableId}"
REVIEW = "/api/reviews/{reviewId}"


async def signed_up(api: Api, house: House, record: Record, role: str, prefix: str) -> Walker:
    """Sign someone up and do all that concerns an account, until she is logged in for the rest of the walk."""
    marks = Marks(prefix)
    walker = Walker(api, house, marks, record, role, api.anyone)
    walker.headers = {
        "User-Agent": marks.own("user agent"), "X-Key": marks.own("idempotency key"), "X-Request-Id": marks.own("request id"),
    }  # fmt: skip
    email = f"{marks.own('email')}@example.com"
    company = {"companyName": marks.passing("company, replaced")} if role == "creator" else {}
    name = marks.passing("name, replaced")
    new = {"email": email, "password": PASSWORD, "name": name, "userType": role, **company}
    body = await walker.make("POST", "/api/auth/signup", **new)
    await walker.make("POST", "/api/auth/forgot-password", email=email)
    await walker.make("POST", "/api/auth/resend-verification", email=email)
    for purpose in (RESET, VERIFY):
        code = digest(purpose + prefix)
        await INSERT_ONE_TIME_TOKEN(
            house.resources.db, code, UUID(body["user"]["id"]), purpose, now() + timedelta(hours=1)
        )
    await walker.make("POST", "/api/auth/reset-password", token=RESET + prefix, newPassword=PASSWORD)
    await walker.make("POST", "/api/auth/verify-email", token=VERIFY + prefix)
    await walker.make("GET", "/api/auth/csrf")
    body = await log_in(walker, email)
    body = await walker.make("POST", "/api/auth/refresh", refreshToken=body["refreshToken"])
    walker.caller.access_token = body["accessToken"]
    await walker.make("POST", "/api/auth/change-password", currentPassword=PASSWORD, newPassword=PASSWORD)
    await log_in(walker, email)
    sessions = (await walker.make("GET", "/api/auth/sessions"))["sessions"]
    other = next(one["id"] for one in sessions if not one["current"])
    await walker.make("DELETE", "/api/auth/sessions/{sessionId}", other)
    await walker.make("DELETE", "/api/auth/sessions")
    await walker.make("POST", "/api/auth/logout")
    await log_in(walker, email)
    return walker


async def log_in(walker: Walker, email: str) -> Any:
    walker.caller.access_token = ""
    body = await walker.make("POST", "/api/auth/login", email=email, password=PASSWORD)
    caller = walker.caller
    caller.id, caller.email = body["user"]["id"], email
    caller.access_token, caller.refresh_token = body["accessToken"], body["refreshToken"]
    return body


async def profile(walker: Walker) -> None:
    """Describe oneself, with a picture."""
    marks = walker.marks
    url = {
        name: f"https://{marks.own(name)}.com/x" for name in ("linkedinUrl", "twitterUrl", "instagramUrl", "youtubeUrl")
    }
    url["githubUrl"] = f"https://github.com/{marks.own('github')}"
    texts = {"name": f"{marks.own('name')} Somebody", **url}
    if walker.role == "creator":
        texts = {"companyName": marks.own("company"), "name": texts["name"], "linkedinUrl": url["linkedinUrl"]}
        for mark in [one for one in marks.all if one.about in (*url, "github") and one.about != "linkedinUrl"]:
            marks.all.remove(mark)
    else:
        texts |= {"professionalTitle": marks.own("title"), "bio": marks.own("bio"), "skills": ["Figma"]}  # type: ignore[dict-item]
        texts["portfolioLinks"] = [f"https://{marks.own('portfolio')}.com"]  # type: ignore[assignment]
    await walker.make("PUT", "/api/users/me", **texts)
    await walker.make("GET", "/api/users/me")
    content = image() + marks.elsewhere("avatar").encode()
    first = await walker.upload("avatar", f"{marks.own('avatar name')}.png", "image/png", content)
    await checked(walker, first["fileId"])
    await walker.make("PUT", "/api/users/me", avatarUrl=first["fileUrl"])
    second = await walker.upload("avatar", f"{marks.own('second avatar')}.png", "image/png", image())
    await walker.make("POST", "/api/files/{fileId}/complete", second["fileId"])
    await walker.make("POST", "/api/users/me/avatar", fileUrl=second["fileUrl"])
    await check(walker.house, second["fileId"])
    form = FormData(quote_fields=False)
    form.add_field("avatar", image(), filename=f"{marks.own('form avatar')}.png", content_type="image/png")
    await walker.call("POST", "/api/users/me/avatar", data=form)
    unused = await walker.upload("avatar", f"{marks.own('unused')}.png", "image/png", image() + b"zq")
    await checked(walker, unused["fileId"])
    await walker.make("GET", "/api/files/{fileId}/download-url", unused["fileId"])
    bad = await walker.upload(
        "avatar", f"{marks.own('rejected')}.png", "image/png", marks.elsewhere("rejected").encode()
    )
    await checked(walker, bad["fileId"])


async def checked(walker: Walker, file_id: str) -> None:
    """Have a file checked."""
    await walker.make("POST", "/api/files/{fileId}/complete", file_id)
    await check(walker.house, file_id)


async def talk(walker: Walker, other: Caller, third: Caller) -> None:
    """Talk in a pair and in groups, over REST."""
    marks = walker.marks
    pair = (await walker.make("POST", "/api/conversations", participantId=other.id))["id"]
    asked = (
        await other.post(f"/conversations/{pair}/messages", content="What do you think?", mentions=[walker.id])
    ).body
    first = await walker.make(
        "POST", MESSAGES, pair, content=marks.own("earlier text"), clientId=marks.own("client id"), replyTo=asked["id"]
    )
    await walker.make("PUT", MESSAGE, pair, first["id"], content=marks.shared("edited", "messages", "notifications"))
    gone = await walker.make("POST", MESSAGES, pair, content=marks.own("deleted text"))
    await walker.make("DELETE", MESSAGE, pair, gone["id"])
    emoji = marks.shared("reaction", "reactions")
    await walker.make("PUT", MESSAGE + "/reactions/{emoji}", pair, asked["id"], emoji)
    back = marks.passing("reaction taken back")
    await walker.make("PUT", MESSAGE + "/reactions/{emoji}", pair, asked["id"], back)
    await walker.make("DELETE", MESSAGE + "/reactions/{emoji}", pair, asked["id"], back)
    await walker.make("PUT", CONVERSATION + "/read", pair, messageId=asked["id"])
    await walker.make("GET", MESSAGES, pair)
    await walker.make("GET", "/api/conversations")
    title = marks.shared("title of a group", "conversations")
    group = (await walker.make("POST", "/api/conversations/groups", title=title, participantIds=[other.id]))["id"]
    await walker.make("POST", CONVERSATION + "/members", group, userIds=[third.id])
    await walker.make("DELETE", CONVERSATION + "/members/{userId}", group, third.id)
    await walker.make("GET", CONVERSATION, group)
    await walker.make("GET", "/api/sync")
    # Others name her: in the log of their group, and in answers that are kept for them.
    body = {"title": "Others", "participantIds": [walker.id]}
    kept = await other.call("POST", "/conversations/groups", json=body, headers={"Idempotency-Key": walker.id})
    assert walker.marks.in_(str(kept.body)), "it names her"
    await other.post(f"/conversations/{kept.body['id']}/members", userIds=[third.id])
    await other.delete(f"/conversations/{kept.body['id']}/members/{walker.id}")
    await other.post(f"/conversations/{kept.body['id']}/members", userIds=[walker.id])


async def on_the_socket(walker: Walker, hub: str, other: Caller, third: Caller, project: str) -> Chatter:
    """Do all that there is on the socket, and stay connected."""
    marks, say = walker.marks, walker.say
    chatter = await walker.chatter(hub)
    title = marks.shared("title on the socket", "conversations")
    made = await say(chatter, "conversation:create", participantIds=[other.id], title=title)
    room = {"conversationId": made["conversationId"]}
    await say(chatter, "join:user", userId=walker.id)
    await say(chatter, "join:project", projectId=project)
    await say(chatter, "join:conversation", **room)
    text, id = marks.own("earlier text on the socket"), marks.own("client id on the socket")
    sent = await say(chatter, "message:send", **room, content=text, clientId=id)
    message = {**room, "messageId": sent["id"]}
    await say(
        chatter, "message:edit", **message, content=marks.shared("edited on the socket", "messages", "notifications")
    )
    await say(chatter, "message:react", **message, emoji=marks.shared("reaction on the socket", "reactions"))
    await say(chatter, "conversation:typing", **room, isTyping=True)
    await say(chatter, "conversation:read", **message)
    await say(chatter, "conversation:add", **room, userIds=[third.id])
    await say(chatter, "conversation:remove", **room, userId=third.id)
    gone = await say(chatter, "message:send", **room, content=marks.own("deleted on the socket"))
    await say(chatter, "message:delete", **room, messageId=gone["id"])
    await say(chatter, "sync")
    await say(chatter, "leave:conversation", **room)
    renewed = await walker.make("POST", "/api/auth/refresh", refreshToken=walker.caller.refresh_token)
    walker.caller.access_token = renewed["accessToken"]
    await say(chatter, "auth:refresh", token=renewed["accessToken"])
    return chatter


async def settings(walker: Walker) -> None:
    """Choose what to be notified of, and where; look at the calendar."""
    marks = walker.marks
    await walker.make("GET", "/api/notifications/preferences")
    await walker.make("PUT", "/api/notifications/preferences", preferences=[{"type": "mentioned", "email": True}])
    path = "/api/notifications/devices"
    await walker.make("POST", path, platform="fcm", token=marks.own("token of a device"))
    old = await walker.make("POST", path, platform="fcm", token=marks.passing("token of a removed device"))
    await walker.make("GET", path)
    await walker.make("DELETE", path + "/{deviceId}", old["id"])
    await walker.call("GET", "/api/calendar", params={"from": "2999-12-01"})
    await walker.make("GET", "/api/calendar/feed")
    feed = await walker.make("POST", "/api/calendar/feed")
    await walker.call("GET", "/api/calendar.ics", params={"token": urlsplit(feed["url"]).query.removeprefix("token=")})
    await walker.make("GET", "/api/skills")
    await walker.make("GET", "/api/health")
    await walker.make("GET", f"/api/analytics/{walker.role}")


async def read_notifications(walker: Walker) -> None:
    """Look at what one was told of."""
    page = await walker.make("GET", "/api/notifications")
    await walker.make("PUT", "/api/notifications/{notificationId}/read", page["notifications"][0]["id"])
    await walker.make("PUT", "/api/notifications/read-all")


async def create(walker: Walker, talent: Caller) -> str:
    """Do what creators do, with a talent who stays; return the project."""
    marks, house = walker.marks, walker.house
    new = {
        "name": marks.passing("project, renamed"),
        "description": marks.passing("description, replaced"),
        "dueDate": DAY,
    }
    project: str = (await walker.make("POST", "/api/projects", **new))["id"]
    texts = {
        "name": marks.shared("project", "notifications", "conversations"),
        "description": marks.own("about the project"),
    }
    await walker.make("PUT", PROJECT, project, **texts)
    await walker.make("GET", "/api/projects")
    await walker.make("GET", PROJECT, project)
    await walker.make("POST", PROJECT + "/team", project, userId=talent.id, role=marks.own("role in the team"))
    task = {
        "name": marks.elsewhere("first name of a task", "notifications"),
        "description": marks.passing("replaced"),
        "dueDate": DAY,
    }
    id = (await walker.make("POST", PROJECT + "/tasks", project, **task, assigneeId=talent.id))["id"]
    texts = {"name": marks.shared("task", "notifications"), "description": marks.own("about the task")}
    await walker.make("PUT", TASK, project, id, **texts)
    await comment(walker, project, id, talent)
    await talent.post(f"/projects/{project}/conversations")
    handed_in = await hand_in(talent, project, id)
    feedback = marks.passing("feedback, gone with the approval")
    await walker.make("PUT", DELIVERABLE, handed_in, action="request_revision", feedback=feedback)
    await talent.post(f"/deliverables/{handed_in}/resubmit", title="Better")
    await walker.make("PUT", DELIVERABLE, handed_in, action="approve")
    feedback = marks.shared("feedback", "onswift.deliverables")
    other_work = await hand_in(talent, project, id)
    await walker.make("PUT", DELIVERABLE, other_work, action="request_revision", feedback=feedback)
    await samples(walker, project)
    await walker.make("PUT", PROJECT, project, status="completed")
    said = {"talentId": talent.id, "projectId": project, "rating": 4, "text": marks.own("review, taken back")}
    await walker.make("DELETE", REVIEW, (await walker.make("POST", "/api/reviews", **said))["id"])
    first = await walker.make("POST", "/api/reviews", **{**said, "text": marks.passing("review, changed")})
    await walker.make("PUT", REVIEW, first["id"], text=marks.shared("review", "reviews"))
    await walker.make("GET", "/api/users/{userId}/reviews", talent.id)
    await walker.make("GET", "/api/users/{userId}", talent.id)
    await walker.call("GET", "/api/users/search", params={"q": marks.passing("search")})
    new |= {
        "name": marks.shared("deleted project", "notifications"),
        "description": marks.own("about the deleted project"),
    }
    other = (await walker.make("POST", "/api/projects", **new))["id"]
    left = await walker.make("POST", PROJECT + "/team", other, userId=talent.id)
    late = {"name": "Old", "dueDate": DAY, "assigneeId": left["userId"]}
    await walker.make("DELETE", TASK, other, (await walker.make("POST", PROJECT + "/tasks", other, **late))["id"])
    await walker.make("DELETE", PROJECT + "/team/{userId}", other, talent.id)
    await walker.make("DELETE", PROJECT, other)
    assert house
    return project


async def comment(walker: Walker, project: str, task: str, other: Caller) -> None:
    """Comment on a task."""
    marks = walker.marks
    text = marks.shared("comment", "onswift.task_comments")
    await walker.make("POST", COMMENTS, project, task, content=text, mentions=[other.id])
    gone = await walker.make("POST", COMMENTS, project, task, content=marks.passing("comment, deleted"))
    await walker.make("GET", COMMENTS, project, task)
    await walker.make("DELETE", COMMENTS + "/{commentId}", project, task, gone["id"])
    await other.post(f"/projects/{project}/tasks/{task}/comments", content="Look", mentions=[walker.id])


async def samples(walker: Walker, project: str) -> None:
    """Say what a project shall be like."""
    marks, path = walker.marks, PROJECT + "/samples"
    link = {
        "name": marks.own("sample"), "type": "link", "url": f"https://{marks.own('link')}.com", "description": marks.own("why"),
    }  # fmt: skip
    await walker.make("POST", path, project, **link)
    pdf = b"%PDF-1.7 " + marks.elsewhere("sample").encode()
    file = await walker.upload("sample", f"{marks.own('sample name')}.pdf", "application/pdf", pdf)
    await check(walker.house, file["fileId"])
    await walker.make("POST", path, project, name=marks.own("file sample"), type="file", fileUrl=file["fileUrl"])
    await check(walker.house, file["fileId"])
    await walker.make("GET", path, project)
    link["name"] = link["description"] = marks.passing("sample, deleted")
    await walker.make("DELETE", path + "/{sampleId}", project, (await walker.make("POST", path, project, **link))["id"])


async def hand_in(talent: Caller, project: str, task: str) -> str:
    """Hand something in as one who stays."""
    walker_files = await talent.post(
        "/upload/presigned-url",
        fileName="work.png",
        fileSize=len(image()),
        mimeType="image/png",
        uploadType="deliverable",
    )
    path = urlsplit(walker_files.body["uploadUrl"]).path
    async with talent.client.put(path, data=image(), headers={"Content-Type": "image/png"}) as response:
        assert response.status in range(200, 300)
    new = {"projectId": project, "taskId": task, "title": "Work", "fileUrls": [walker_files.body["fileUrl"]]}
    reply = await talent.post("/deliverables", **new)
    assert reply.status == 201, reply.body
    id: str = reply.body["id"]
    return id


async def work_file(walker: Walker, about: str, *places: str) -> str:
    """Upload a file to hand in and return its address; its content stays in these places."""
    pdf = b"%PDF-1.7 " + walker.marks.elsewhere(f"content of {about}", *places).encode()
    name = f"{walker.marks.own(f'name of {about}')}.pdf"
    url: str = (await walker.upload("deliverable", name, "application/pdf", pdf))["fileUrl"]
    return url


def id_in(url: str) -> str:
    return url.split("/")[-2]


async def work(walker: Walker, creator: Caller) -> str:
    """Do what talents do, in a project of a creator who stays; return the project."""
    marks = walker.marks
    project: str = (await creator.post("/projects", name="Film", description="x", dueDate=DAY)).body["id"]
    assert (await creator.post(f"/projects/{project}/team", userId=walker.id, role="Editor")).status == 201
    new = {"name": "Cut", "dueDate": DAY, "assigneeId": walker.id}
    headers = {"Idempotency-Key": f"task-{walker.id}"}
    task: str = (await creator.call("POST", f"/projects/{project}/tasks", json=new, headers=headers)).body["id"]
    await walker.make("GET", "/api/tasks")
    await walker.make("GET", PROJECT + "/tasks", project)
    await walker.make("GET", TASK, project, task)
    await comment(walker, project, task, creator)
    await walker.make("POST", PROJECT + "/conversations", project)
    files = [await work_file(walker, f"work {place}", *where) for place, where in enumerate(((), (), ("s3",)))]
    texts = {"title": marks.shared("first title", "notifications"), "description": marks.passing("replaced")}
    body = {"projectId": project, "taskId": task, **texts, "fileUrls": files[:1]}
    id: str = (await walker.make("POST", "/api/deliverables", **body))["id"]
    await check(walker.house, id_in(files[0]))
    await creator.call("PUT", f"/deliverables/{id}", json={"action": "request_revision", "feedback": "Warmer"})
    texts = {
        "title": marks.shared("title", "onswift.deliverables", "notifications"),
        "description": marks.shared("about", "onswift.deliverables"),
    }
    await walker.make("POST", DELIVERABLE + "/resubmit", id, **texts, fileUrls=files[1:2])
    await creator.call("PUT", f"/deliverables/{id}", json={"action": "request_revision", "feedback": "Colder"})
    await walker.make("PUT", DELIVERABLE, id, action="resubmit", **texts, fileUrls=files[2:])
    await check(walker.house, id_in(files[2]))
    await walker.make("GET", DELIVERABLE, id)
    await walker.make("GET", "/api/deliverables")
    spare = await work_file(walker, "deleted work")
    body |= {"title": marks.elsewhere("title of deleted work", "notifications"), "fileUrls": [spare]}
    await walker.make("DELETE", DELIVERABLE, (await walker.make("POST", "/api/deliverables", **body))["id"])
    return project
