package main

import (
	"fmt"
	"strings"
)

// wordingFinding is the line of /readyz and doctor about templates and languages: what cannot be used, or failed
// within the last hour. Pages go out all the same.
func wordingFinding(trouble []string) finding {
	f := finding{"wording", pass, "every template and language can be used"}
	if len(trouble) > 0 {
		f.Status = warn
		f.Text = fmt.Sprintf("built-in words are sent instead of what cannot be used: %s. Check it with `rouse template preview`, and set it anew", strings.Join(trouble[:min(len(trouble), 5)], "; "))
	}
	return f
}
