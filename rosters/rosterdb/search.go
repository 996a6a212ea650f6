package rosterdb

import "rouse/rosters"

// Search says which of a list are wanted: those for whom all of it holds. The zero value wants all.
type Search struct {
	Text   string           // part of the name or slug, in any case
	Team   rosters.TeamID   // people: its members; rosters: those that it owns
	Person rosters.PersonID // teams: those of which it is a member; rosters: those in whose rotations it stands
}

// named is the condition that a row's slug or name has a text in it. Which letters are each other's capitals is
// for the database's locale to know: in C only those of ASCII, so that the text is also looked for as it is.
const named = `(%[1]s = '' or strpos(t.name, %[1]s) > 0 or strpos(lower(t.id), lower(%[1]s)) > 0 or strpos(lower(t.name), lower(%[1]s)) > 0)`
