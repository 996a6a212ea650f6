package rest

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// same reports whether two values are read alike.
func same[T any](a, b T) bool {
	one, errOne := json.Marshal(a)
	other, errOther := json.Marshal(b)
	return errOne == nil && errOther == nil && bytes.Equal(one, other)
}

// differences are the fields in which a thing of the wire changes, and how many more there are. Whatever is
// missing is what it means when it is missing, so both have to be whole.
func differences[T any](was, is T) (fields []FieldChange, more int) {
	var d comparison
	d.value("", jsonOf(was), jsonOf(is))
	return d.fields, d.more
}

func jsonOf(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	value, _ := decode(text) // it was written in the line above
	return value
}

// comparison collects what changes.
type comparison struct {
	fields []FieldChange
	more   int
}

func (c *comparison) add(at string, was, is any) {
	if len(c.fields) == maxFieldChanges {
		c.more++
		return
	}
	c.fields = append(c.fields, FieldChange{Pointer: at, Before: was, After: is})
}

func (c *comparison) value(at string, was, is any) {
	before, object := was.(map[string]any)
	after, still := is.(map[string]any)
	if object && still {
		c.object(at, before, after)
		return
	}
	old, list := was.([]any)
	now, still := is.([]any)
	identity, known := identities[at[strings.LastIndexByte(at, '/')+1:]]
	switch {
	case reflect.DeepEqual(was, is):
	case list && still && known:
		c.list(at, old, now, identity)
	default:
		c.add(at, was, is)
	}
}

func (c *comparison) object(at string, was, is map[string]any) {
	all := maps.Clone(was)
	maps.Copy(all, is)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c.value(at+"/"+pointerEscape.Replace(name), was[name], is[name])
	}
}

// identities are the fields by which elements of a list are told apart; a level is known by its place. In
// lists that are not here the elements are no things of their own.
var identities = map[string][]string{"rotations": {"id"}, "levels": nil, "members": {"person"}, "contacts": {"channel", "address", "after"}}

// ordered are the lists in which the order counts: contacts are tried by their times, and members have none.
var ordered = []string{"/rotations"}

func (c *comparison) list(at string, was, is []any, identity []string) {
	old := map[string]int{}
	for i, e := range was {
		old[nameOf(e, i, identity)] = i
	}
	var kept []int
	for i, e := range is {
		name := nameOf(e, i, identity)
		j, there := old[name]
		if !there {
			c.add(element(at, i), nil, e)
			continue
		}
		delete(old, name)
		kept = append(kept, j)
		c.value(element(at, i), was[j], e)
	}
	for _, i := range slices.Sorted(maps.Values(old)) {
		c.add(element(at, i), was[i], nil)
	}
	if slices.Contains(ordered, at) && !slices.IsSorted(kept) {
		c.add(at, namesOf(was, identity), namesOf(is, identity))
	}
}

func element(at string, i int) string { return at + "/" + strconv.Itoa(i) }

func nameOf(e any, i int, identity []string) string {
	fields, ok := e.(map[string]any)
	if !ok || identity == nil {
		return strconv.Itoa(i)
	}
	var name []string
	for _, f := range identity {
		text, _ := fields[f].(string)
		name = append(name, text)
	}
	return strings.Join(name, " ")
}

func namesOf(list []any, identity []string) []any {
	var names []any
	for i, e := range list {
		names = append(names, nameOf(e, i, identity))
	}
	return names
}
