"""What talents do, in a project of a creator who stays."""

from tests.flow.api.conftest import Caller
from tests.flow.onswift.uploading import check
from tests.flow.onswift.walk.projects import DAY, DELIVERABLE, PROJECT, TASK, comment
from tests.flow.onswift.walk.walker import Walker


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
    texts = {"title": marks.shared("first title", "notifications"), "description": marks.own("replaced")}
    body = {"projectId": project, "taskId": task, **texts, "fileUrls": files[:1]}
    id: str = (await walker.make("POST", "/api/deliverables", **body))["id"]
    await check(walker.env, id_in(files[0]))
    await creator.call("PUT", f"/deliverables/{id}", json={"action": "request_revision", "feedback": "Warmer"})
    texts = {
        "title": marks.shared("title", "onswift.deliverables", "notifications"),
        "description": marks.shared("about", "onswift.deliverables"),
    }
    await walker.make("POST", DELIVERABLE + "/resubmit", id, **texts, fileUrls=files[1:2])
    await creator.call("PUT", f"/deliverables/{id}", json={"action": "request_revision", "feedback": "Colder"})
    await walker.make("PUT", DELIVERABLE, id, action="resubmit", **texts, fileUrls=files[2:])
    await check(walker.env, id_in(files[2]))
    await walker.make("GET", DELIVERABLE, id)
    await walker.make("GET", "/api/deliverables")
    spare = await work_file(walker, "deleted work")
    body |= {"title": marks.shared("title of deleted work", "notifications"), "fileUrls": [spare]}
    await walker.make("DELETE", DELIVERABLE, (await walker.make("POST", "/api/deliverables", **body))["id"])
    await leave(walker, creator)
    return project


async def leave(walker: Walker, creator: Caller) -> None:
    """Leave the team of another project, of which its creator is notified."""
    project = (await creator.post("/projects", name="Other film", description="x", dueDate=DAY)).body["id"]
    assert (await creator.post(f"/projects/{project}/team", userId=walker.id, role="Editor")).status == 201
    await walker.make("DELETE", PROJECT + "/team/me", project)
