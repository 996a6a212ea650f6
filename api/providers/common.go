package providers

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"rouse/notifiers"
	"rouse/rosters"
)

// common are settings that providers of every kind have.
type common struct {
	// Limits are how much a provider takes from one sender on a channel.
	Limits map[notifiers.Channel]notifiers.Limit
	// Canary are robots' addresses, at which a message has to come back every minute.
	Canary map[notifiers.Channel]string
}

// readCommon takes the common settings out of a provider's; own is what is left of them.
func readCommon(settings json.RawMessage) (c common, own json.RawMessage, err error) {
	var all map[string]json.RawMessage
	if json.Unmarshal(settings, &all) != nil || all["limits"] == nil && all["canary"] == nil {
		return c, settings, nil // what is wrong with it says the kind
	}
	if c.Limits, err = readLimits(all["limits"]); err != nil {
		return c, nil, err
	}
	if c.Canary, err = readCanary(all["canary"]); err != nil {
		return c, nil, err
	}
	delete(all, "limits")
	delete(all, "canary")
	own, err = json.Marshal(all)
	return c, own, err
}

func readLimits(setting json.RawMessage) (map[notifiers.Channel]notifiers.Limit, error) {
	if setting == nil {
		return nil, nil
	}
	var limits map[notifiers.Channel]string
	if err := json.Unmarshal(setting, &limits); err != nil {
		return nil, wrong("/settings/limits", "", `must be a limit for each channel: {"sms": "10/s", "voice": "1/s"}`)
	}
	read := map[notifiers.Channel]notifiers.Limit{}
	var problems rosters.FieldErrors
	for _, channel := range slices.Sorted(maps.Keys(limits)) {
		l, err := notifiers.ParseLimit(limits[channel])
		if err != nil {
			problems = append(problems, rosters.FieldError{Field: "/settings/limits/" + string(channel), Value: limits[channel], Problem: err.Error()})
		}
		read[channel] = l
	}
	if problems != nil {
		return nil, problems
	}
	return read, nil
}

// fit says what of the common settings a provider has no use for.
func (c common) fit(kind Kind, made outlet) error {
	for _, channel := range slices.Sorted(maps.Keys(c.Limits)) {
		if _, ok := made.channels[channel]; !ok {
			return wrong("/settings/limits/"+string(channel), "", fmt.Sprintf("is no channel of a provider of kind %s: it has %v", kind, slices.Sorted(maps.Keys(made.channels))))
		}
	}
	return c.fitCanary(kind, made)
}
