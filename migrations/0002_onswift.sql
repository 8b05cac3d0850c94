-- OnSwift's own tables, in its own schema.

create schema onswift;

-- The columns of the document's User that only OnSwift has; a row exists once one of them is set.
create table onswift.profiles (
    user_id uuid primary key references users on delete cascade,
    company_name text,
    professional_title text,
    bio text,
    skills text[] not null default '{}',
    portfolio_links text[] not null default '{}',
    hourly_rate numeric(5, 2),
    availability text,
    linkedin_url text,
    twitter_url text,
    instagram_url text,
    youtube_url text,
    github_url text
);
