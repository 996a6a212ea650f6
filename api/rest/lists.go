package rest

import (
	"fmt"
	"strconv"
	"strings"

	"rouse/api/problem"
	"rouse/rosters/rosterdb"
)

const defaultLimit = 50

func (h handlers) limit(given Limit) int {
	if given == 0 {
		return defaultLimit
	}
	return given
}

// part cuts a list that was read one longer than asked for, and tells where it goes on.
func part[T any](list []T, limit int, cursor func(T) string) ([]T, string) {
	if len(list) <= limit {
		return list, ""
	}
	return list[:limit], cursor(list[limit-1])
}

func mapped[A, B any](list []A, f func(A) B) []B {
	out := make([]B, len(list))
	for i, a := range list {
		out[i] = f(a)
	}
	return out
}

// rowCursor reads the cursor of a list of numbered rows.
func rowCursor(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || n < 0 {
		return 0, wrongParameter("cursor", shortened(cursor), "is not one that this list gave")
	}
	return n, nil
}

// etag is the ETag of a version.
func etag(version int) string { return fmt.Sprintf(`"%d"`, version) }

// wanted is the version that If-Match names.
func wanted(ifMatch string) (int, error) {
	text := strings.Trim(strings.TrimPrefix(strings.TrimSpace(ifMatch), "W/"), `"`)
	if text == "" || text == "*" {
		return rosterdb.AnyVersion, nil
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < 1 {
		return 0, problem.Changed.Because("If-Match names %q, which is not a version that was read here.", shortened(ifMatch))
	}
	return v, nil
}
