-- Reports that an operator has dealt with: when, which operator, and a note of what was done.
alter table reports
    add column resolved_at timestamptz,
    add column resolved_by text,
    add column note text not null default '';
-- reports.PAGE and reports.COUNT: the open ones
create index reports_open on reports (id) where resolved_at is null;
