"""OnSwift's three heaviest reads in the Python stack that its document suggests: FastAPI, SQLAlchemy (async ORM), uvicorn.

Runs in bench/rest/.venv on the tables of this project. It checks the token and loads the user, as ours does, without looking
up the session, and has no limits. Settings: DATABASE_URL, JWT_SECRET.
"""

# mypy: ignore-errors
# FastAPI is not installed where types are checked.

import os
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from sqlalchemy import ARRAY, ForeignKey, Text, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=10, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()
FIND = text("select ids, total from onswift.find_talents(:q, '{}', null, null, null, '{}', 200, 200, :offset, :limit)")


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    avatar_url: Mapped[str | None]
    deleted_at: Mapped[datetime | None]


class Profile(Base):
    __tablename__ = "profiles"
    __table_args__ = {"schema": "onswift"}  # noqa: RUF012
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    professional_title: Mapped[str | None]
    bio: Mapped[str | None]
    skills: Mapped[list[str]] = mapped_column(ARRAY(Text))
    hourly_rate: Mapped[float | None]
    availability: Mapped[str | None]
    user: Mapped[User] = relationship(lazy="joined")


class Member(Base):
    __tablename__ = "members"
    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    left_at: Mapped[datetime | None]


class Message(Base):
    __tablename__ = "messages"
    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[UUID]
    sender_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    body: Mapped[str]
    created_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]
    sender: Mapped[User] = relationship(lazy="joined")


class TeamMember(Base):
    __tablename__ = "project_team"
    __table_args__ = {"schema": "onswift"}  # noqa: RUF012
    id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("onswift.projects.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    role: Mapped[str | None]
    removed_at: Mapped[datetime | None]
    user: Mapped[User] = relationship(lazy="joined")


class Task(Base):
    __tablename__ = "tasks"
    __table_args__ = {"schema": "onswift"}  # noqa: RUF012
    id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("onswift.projects.id"))
    status: Mapped[str]


class Project(Base):
    __tablename__ = "projects"
    __table_args__ = {"schema": "onswift"}  # noqa: RUF012
    id: Mapped[UUID] = mapped_column(primary_key=True)
    creator_id: Mapped[UUID]
    name: Mapped[str]
    description: Mapped[str]
    status: Mapped[str]
    due_date: Mapped[date]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    team: Mapped[list[TeamMember]] = relationship(
        primaryjoin="and_(Project.id == TeamMember.project_id, TeamMember.removed_at.is_(None))", viewonly=True
    )


class View(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class Person(View):
    id: UUID
    name: str
    avatar_url: str | None


class MessageView(View):
    id: UUID
    conversation_id: UUID
    sender: Person
    content: str
    sent_at: datetime
    is_edited: bool


class MessagePage(View):
    messages: list[MessageView]
    has_more: bool


class TeamView(View):
    id: UUID
    name: str
    avatar_url: str | None
    role: str | None


class ProjectView(View):
    id: UUID
    name: str
    description: str
    status: str
    due_date: date
    task_count: int
    completed_task_count: int
    team_members: list[TeamView]
    created_at: datetime


class Pagination(View):
    page: int
    limit: int
    total: int
    total_pages: int


class ProjectPage(View):
    projects: list[ProjectView]
    pagination: Pagination


class TalentView(View):
    id: UUID
    name: str
    professional_title: str | None
    avatar_url: str | None
    skills: list[str]
    hourly_rate: float | None
    availability: str | None


class TalentPage(View):
    users: list[TalentView]
    pagination: Pagination


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


Db = Annotated[AsyncSession, Depends(session)]


async def caller(authorization: Annotated[str, Header()], db: Db) -> User:
    try:
        claims = jwt.decode(authorization.removeprefix("Bearer "), os.environ["JWT_SECRET"], algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None
    user = await db.get(User, UUID(claims["userId"]))
    if user is None or user.deleted_at:
        raise HTTPException(401)
    return user


Caller = Annotated[User, Depends(caller)]


@app.get("/api/conversations/{conversation_id}/messages", response_model=MessagePage)
async def history(conversation_id: UUID, me: Caller, db: Db, limit: int = 50) -> MessagePage:
    member = await db.get(Member, (conversation_id, me.id))
    if member is None or member.left_at:
        raise HTTPException(403)
    newest = select(Message).where(Message.conversation_id == conversation_id).order_by(Message.seq.desc())
    rows = list(await db.scalars(newest.limit(limit + 1)))
    views = [
        MessageView(
            id=row.id,
            conversation_id=row.conversation_id,
            sender=Person.model_validate(row.sender),
            content=row.body,
            sent_at=row.created_at,
            is_edited=row.edited_at is not None,
        )
        for row in reversed(rows[:limit])
    ]
    return MessagePage(messages=views, has_more=len(rows) > limit)


@app.get("/api/projects", response_model=ProjectPage)
async def projects(me: Caller, db: Db, page: int = 1, limit: int = 20) -> ProjectPage:
    mine = (Project.creator_id == me.id) & Project.deleted_at.is_(None)
    total = await db.scalar(select(func.count()).select_from(Project).where(mine))
    chosen = select(Project).where(mine).order_by(Project.created_at.desc()).limit(limit).offset((page - 1) * limit)
    rows = list(await db.scalars(chosen.options(selectinload(Project.team))))
    counted = await db.execute(
        select(Task.project_id, func.count(), func.count().filter(Task.status == "completed"))
        .where(Task.project_id.in_([row.id for row in rows]))
        .group_by(Task.project_id)
    )
    counts = {project_id: (tasks, completed) for project_id, tasks, completed in counted}
    views = [
        ProjectView(
            id=row.id,
            name=row.name,
            description=row.description,
            status=row.status,
            due_date=row.due_date,
            task_count=counts.get(row.id, (0, 0))[0],
            completed_task_count=counts.get(row.id, (0, 0))[1],
            team_members=[
                TeamView(id=one.user_id, name=one.user.name, avatar_url=one.user.avatar_url, role=one.role)
                for one in row.team
            ],
            created_at=row.created_at,
        )
        for row in rows
    ]
    return ProjectPage(projects=views, pagination=paged(page, limit, total))


@app.get("/api/users/search", response_model=TalentPage)
async def search(me: Caller, db: Db, q: str = "", page: int = 1, limit: int = 20) -> TalentPage:
    if me.role != "creator":
        raise HTTPException(403)
    # The same function of the database as ours: LIKE over a million rows would measure Postgres only.
    ids, total = (await db.execute(FIND, {"q": q, "offset": (page - 1) * limit, "limit": limit})).one()
    rows = {row.user_id: row for row in await db.scalars(select(Profile).where(Profile.user_id.in_(ids)))}
    views = [
        TalentView(
            id=id,
            name=rows[id].user.name,
            professional_title=rows[id].professional_title,
            avatar_url=rows[id].user.avatar_url,
            skills=rows[id].skills,
            hourly_rate=rows[id].hourly_rate,
            availability=rows[id].availability,
        )
        for id in ids
    ]
    return TalentPage(users=views, pagination=paged(page, limit, total))


def paged(page: int, limit: int, total: int) -> Pagination:
    return Pagination(page=page, limit=limit, total=total, total_pages=-(-total // limit))
