package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rouse/rosters"
)

// dialects are the names that an integration key may be bound to, each with a check of the settings that a
// key of it may carry; nil where it takes none. A key without a dialect serves all of them.
var dialects = map[string]func(json.RawMessage) error{
	"alerts":            nil,
	"alertmanager":      nil,
	"pagerduty":         nil,
	"opsgenie":          nil,
	"grafana":           checkGrafanaSettings,
	"goalert":           nil,
	"formatted-webhook": nil,
	"uptime-kuma":       nil,
	"webhook":           checkWebhook,
	"jira":              checkJira,
	"sns":               checkSNS,
	"heartbeat":         nil,
}

// CheckSettings reports what is wrong with the settings of a key for a dialect, as rosters.FieldErrors with
// pointers from the key down. Settings that are nil or {} are none.
func CheckSettings(dialect string, settings json.RawMessage) error {
	check, known := dialects[dialect]
	empty := len(settings) == 0 || string(bytes.TrimSpace(settings)) == "{}"
	switch {
	case dialect != "" && !known:
		return rosters.FieldErrors{{Field: "/dialect", Value: dialect,
			Problem: fmt.Sprintf("is not known; use one of %s, or none", strings.Join(slices.Sorted(maps.Keys(dialects)), ", "))}}
	case empty:
		return nil
	case check == nil:
		return rosters.FieldErrors{{Field: "/settings", Value: cut(string(settings), 100), Problem: "must be empty: this dialect has no settings"}}
	}
	return check(settings)
}

// signing are the dialects that hold a request against what its sender signs with, if the key says what that is.
var signing = []string{"grafana", "jira", "webhook"}

// Signing lists the dialects whose senders may sign: in another one the secret of a key would not be looked at.
func Signing() []string { return slices.Clone(signing) }
