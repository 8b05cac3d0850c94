-- Who has left by choice is not put back by others: into a group she is invited, into a team not before a while has passed.
alter table members add column left_by_choice boolean not null default false;
alter table onswift.project_team add column left_by_choice boolean not null default false;
