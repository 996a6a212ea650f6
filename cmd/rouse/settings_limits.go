package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
)

// storms are how much people are told again while several incidents are about them.
type storms struct {
	texts, calls int
	within       time.Duration
}

const (
	maxStormMessages               = 1000
	minStormWithin, maxStormWithin = time.Minute, 24 * time.Hour
)

func (s storms) caps() map[rosters.Channel]enginedb.Cap {
	return map[rosters.Channel]enginedb.Cap{rosters.SMS: {N: s.texts, Within: s.within}, rosters.Voice: {N: s.calls, Within: s.within}}
}

// few reads how many messages there may be; 0 is for as many as there are.
func few(field func(*config) *int) func(*config, string) error {
	return func(c *config, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > maxStormMessages {
			return fmt.Errorf("is no such number: set it to one from 0, which is no limit, to %d", maxStormMessages)
		}
		*field(c) = n
		return nil
	}
}

func setStormWithin(c *config, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < minStormWithin || d > maxStormWithin {
		return fmt.Errorf("is no such time: set it to one from %s to %s, such as 10m", minStormWithin, maxStormWithin)
	}
	c.storms.within = d
	return nil
}

// sendingLimit reads how much a provider takes.
func sendingLimit(field func(*config) *notifiers.Limit) func(*config, string) error {
	return func(c *config, value string) error {
		l, err := notifiers.ParseLimit(value)
		if err != nil {
			return errors.New(err.Error())
		}
		*field(c) = l
		return nil
	}
}
