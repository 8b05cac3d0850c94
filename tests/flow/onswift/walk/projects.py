"""What creators do, with a talent who stays."""

from tests.flow.api.conftest import Caller
from tests.flow.onswift.uploading import check, image, upload
from tests.flow.onswift.walk.walker import Walker

DAY = "2999-12-31"
PROJECT = "/api/projects/{projectId}"
TASK = PROJECT + "/tasks/{taskId}"
COMMENTS = TASK + "/comments"
DELIVERABLE = "/api/deliverables/{deliverableId}"
REVIEW = "/api/reviews/{reviewId}"


async def create(walker: Walker, talent: Caller) -> str:
    """Do what creators do, with a talent who stays; return the project."""
    marks = walker.marks
    new = {
        "name": marks.own("project, renamed"),
        "description": marks.own("description, replaced"),
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
        "name": marks.shared("first name of a task", "notifications"),
        "description": marks.own("replaced"),
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
    first = await walker.make("POST", "/api/reviews", **{**said, "text": marks.own("review, changed")})
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
    return project


async def comment(walker: Walker, project: str, task: str, other: Caller) -> None:
    """Comment on a task."""
    marks = walker.marks
    text = marks.shared("comment", "onswift.task_comments")
    await walker.make("POST", COMMENTS, project, task, content=text, mentions=[other.id])
    gone = await walker.make("POST", COMMENTS, project, task, content=marks.own("comment, deleted"))
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
    await check(walker.env, file["fileId"])
    await walker.make("POST", path, project, name=marks.own("file sample"), type="file", fileUrl=file["fileUrl"])
    await check(walker.env, file["fileId"])
    await walker.make("GET", path, project)
    link["name"] = link["description"] = marks.own("sample, deleted")
    await walker.make("DELETE", path + "/{sampleId}", project, (await walker.make("POST", path, project, **link))["id"])


async def hand_in(talent: Caller, project: str, task: str) -> str:
    """Hand something in as one who stays."""
    file = await upload(talent, image(), fileName="work.png", uploadType="deliverable")
    new = {"projectId": project, "taskId": task, "title": "Work", "fileUrls": [file["fileUrl"]]}
    reply = await talent.post("/deliverables", **new)
    assert reply.status == 201, reply.body
    id: str = reply.body["id"]
    return id
