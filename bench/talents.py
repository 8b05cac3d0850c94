"""`python -m bench.talents [COUNT]`: fills a database with a million talents and times searches that users make, one by one."""

import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap
from typing import TypeAlias

import asyncpg
import uvloop

from bench.machine import cpu_seconds
from cli.embedded.postgres import embedded_postgres
from core.platform.db import found
from core.platform.migrate import migrate
from marketplaces.onswift import rules
from marketplaces.onswift.queries.users import FIND_TALENTS, TALENTS
from marketplaces.onswift.skills import SKILLS

ROUNDS = 60
PAGE = 20
# What triggers would write for each talent is written at once. Few roles and skills are common, as in life; half are not rated.
# One name of twenty is Han, and one Arabic.
FILL = """
create function pg_temp.pick(words text[], chance float8) returns text language sql immutable as
    $$ select words[1 + floor(chance * cardinality(words))::int] $$;
create temp table people as
select gen_random_uuid() as id,
    case n % 20
        when 3 then pg_temp.pick(w.han_families, random()) || pg_temp.pick(w.han, random()) || pg_temp.pick(w.han, random())
        when 13 then pg_temp.pick(w.arabic, random()) || ' ' || pg_temp.pick(w.arabic_families, random())
        else pg_temp.pick(w.first, random()) || ' ' || pg_temp.pick(w.last, random())
    end as name,
    pg_temp.pick(w.grades, random()) || ' ' || pg_temp.pick(w.roles, random() * random()) as title,
    'I am a ' || pg_temp.pick(w.roles, random()) || ' with ' || floor(random() * 20) || ' years of experience in '
        || pg_temp.pick(w.topics, random()) || ' and ' || pg_temp.pick(w.topics, random()) || '. I have worked for '
        || pg_temp.pick(w.last, random()) || ' Studios and love ' || pg_temp.pick(w.topics, random()) as bio,
    (
        select array_agg(distinct pg_temp.pick($1::text[], random() * random() + k * 0)) from generate_series(0, n % 10) k
    ) as skills,
    round((5 + 495 * random() * random())::numeric, 2) as rate,
    pg_temp.pick('{available_now,available_1_2_weeks,available_2_4_weeks,not_available}', random()) as availability,
    case when n % 2 = 0 then 1 + floor(40 * random() * random())::int else 0 end as reviews,
    3 + 2 * sqrt(random()) as stars
from generate_series(1, $2::int) n, (
    select array(select initcap(a || b) from unnest($3::text[]) a, unnest($3::text[]) b) as first,
        array(
            select initcap(a || b || c) from unnest($3::text[]) a, unnest($3::text[]) b, unnest($3::text[]) c
        ) as last,
        string_to_array('王李張劉陳楊黃趙吳周徐孫馬朱胡林郭何高羅山田中村小佐藤鈴木', null) as han_families,
        string_to_array('一乃久之二人仁介伊信優元光公凛勇勝博友司吉君和哲啓四国士大太夫奈好妙姫子学孝宏実宣家富寛寿尚山平幸広康弘強'
            '彦彩征徳心志忠恒恵悟慎成敏敬文新明春晃智月朗朝未本杏材梅梨森樹橋正武毅水永江泉洋浩海涼淳清温', null) as han,
        string_to_array('محمد أحمد علي فاطمة عائشة خالد يوسف مريم سارة إبراهيم عمر حسن حسين ليلى نورة سلمى طارق زينب هدى', ' ')
            as arabic,
        string_to_array('القحطاني الغامدي الشهري الزهراني العتيبي المصري البغدادي الحلبي التميمي الأنصاري الهاشمي العمري السعدي'
            ' الكندي الطائي الحربي المالكي الشمري الدوسري العنزي', ' ') as arabic_families,
        '{Senior,Junior,Lead,Freelance,Creative,Experienced}'::text[] as grades,
        '{Video Editor,Motion Designer,Photographer,UI Designer,UX Researcher,Copywriter,Sound Engineer,3D Artist,
            Illustrator,Web Developer,Animator,Colorist,Scriptwriter,Voice Actor,Producer,Camera Operator,Drone Pilot,
            Brand Strategist,Translator}'::text[] as roles,
        '{weddings,documentaries,brand films,music videos,mobile apps,packaging,games,podcasts,advertising,portraits,
            architecture,fashion,food,sports,theatre,television,education,science,travel,nature,comics,logos,
            typography,interviews}'::text[] as topics
) w
"""
STORE = """
insert into users (id, market, email, password_hash, name, role)
select id, 'onswift', id || '@bench.invalid', '', name, 'talent' from people;
insert into onswift.profiles (user_id, professional_title, bio, skills, hourly_rate, availability)
select id, title, bio, skills, rate, availability from people;
insert into onswift.talents (user_id, name, words, skills, hourly_rate, availability, rating, rating_count, form)
select id, search_normal(name), onswift.talent_words(name, title, bio),
    skills, rate, availability, case when reviews > 0 then stars else 0 end, reviews, 2
from people
"""
SYLLABLES = wrap("bacedifoguhakelimonuparesitovuwazejolami", 2)
# What is asked: q, traits, lowest and highest rate, lowest rating.
Asked: TypeAlias = tuple[str, list[str], float | None, float | None, float | None]
SEARCHES: dict[str, Asked] = {
    "nothing": ("", [], None, None, None),
    "a role": ("video editor", [], None, None, None),
    "a word that many have": ("designer", [], None, None, None),
    "a topic": ("weddings", [], None, None, None),
    "two topics": ("typography games", [], None, None, None),
    "a name": ("Bace Difogu", [], None, None, None),
    "a name with a typing error": ("Bace Difogux", [], None, None, None),
    "no such word": ("xylophone", [], None, None, None),
    "how a name begins": ("Bac", [], None, None, None),
    "two characters of a Han name": ("王明", [], None, None, None),
    "an Arabic name, spelled otherwise": ("فاطمه قحطاني", [], None, None, None),
    "a skill": ("", ["Color Grading"], None, None, None),
    "a rare skill": ("", ["Virtual Assistance"], None, None, None),
    "three skills": ("", ["Video Editing", "Color Grading", "Visual Effects"], None, None, None),
    "available": ("", ["available_now"], None, None, None),
    "a narrow rate": ("", [], 400, 402, None),
    "a rate and a rating": ("", [], 450, 500, 4.8),
    "a role, a skill and a rate": ("motion designer", ["Figma"], 50, 100, None),
    "a role, available": ("senior photographer", ["available_now"], None, None, None),
    "everything": ("senior video editor", ["Video Editing", "available_now"], 20, 200, 4),
}


async def fill(url: str, count: int) -> None:
    """Store talents."""
    connection = await asyncpg.connect(url, command_timeout=3600)
    try:
        names = [name for skills in SKILLS.values() for name in skills]
        await connection.execute(
            "alter table users disable trigger user; alter table onswift.profiles disable trigger user"
        )
        function, table = FILL.split(";\n", 1)
        await connection.execute(function)
        # The same people each time, so that a name is always found or never.
        await connection.execute("select setseed(0.25)")
        await connection.execute(table, names, count, SYLLABLES)
        await connection.execute(STORE)
        await connection.execute(
            "alter table users enable trigger user; alter table onswift.profiles enable trigger user"
        )
        await connection.execute("vacuum analyze users")
        await connection.execute("vacuum analyze onswift.profiles")
        await connection.execute("vacuum analyze onswift.talents")
    finally:
        await connection.close()


async def measure(url: str) -> None:
    """Print how long each search takes, with the rows that it shows, and what Postgres computes for it.

    The last says the same on a busy machine.
    """
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
        pid = await pool.fetchval("select pg_backend_pid()")
        print(f"{'search':34}{'total':>7}{'first ms':>10}{'median ms':>11}{'slowest ms':>12}{'CPU ms':>9}")
        for name, asked in SEARCHES.items():
            times, computed = [], cpu_seconds(pid)
            for _ in range(ROUNDS):
                started = time.perf_counter()
                block = rules.SEARCH_BLOCK
                page = await FIND_TALENTS(pool, *asked, [], block, block, 0, PAGE)
                await TALENTS(pool, found(page, RuntimeError()).ids)
                times.append((time.perf_counter() - started) * 1000)
            first, rest, total = times[0], sorted(times[1:]), found(page, RuntimeError()).total
            cpu = (cpu_seconds(pid) - computed) / ROUNDS * 1000
            print(f"{name:34}{total:7}{first:10.1f}{rest[len(rest) // 2]:11.1f}{rest[-1]:12.1f}{cpu:9.1f}")


async def run(url: str, count: int) -> None:
    """Fill and measure."""
    await migrate(url)
    started = time.monotonic()
    await fill(url, count)
    print(f"{count:,} talents stored in {time.monotonic() - started:.0f} s")
    await measure(url)


if __name__ == "__main__":
    with (
        TemporaryDirectory(prefix="greenroom-bench-") as folder,
        embedded_postgres(Path(folder) / "postgres", fsync=False) as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(run(server.url, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
