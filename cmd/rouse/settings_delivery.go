package main

import (
	"errors"
	"fmt"
	"time"

	"rouse/api/providers"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
)

// deliverySettings are how long providers have to say what became of a message, and what proves that they deliver.
type deliverySettings struct {
	receipts    map[rosters.Channel]time.Duration
	ringFor     time.Duration
	canaryEvery time.Duration
	budgets     []pager.Budget
}

const (
	minReceipt = 5 * time.Second
	maxReceipt = 10 * time.Minute
	minCanary  = 30 * time.Second
	maxCanary  = time.Hour
)

func receiptOf(channel rosters.Channel) func(*config, string) error {
	return func(c *config, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d < minReceipt || d > maxReceipt {
			return fmt.Errorf("is no such time: set it to one from %.0fs to %.0fm, such as 30s", minReceipt.Seconds(), maxReceipt.Minutes())
		}
		if c.delivery.receipts == nil {
			c.delivery.receipts = map[rosters.Channel]time.Duration{}
		}
		c.delivery.receipts[channel] = d
		return nil
	}
}

func setRingFor(c *config, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < minReceipt || d > maxReceipt || d%time.Second != 0 {
		return fmt.Errorf("is no such time: set it to whole seconds from %.0fs to %.0fm, such as 25s", minReceipt.Seconds(), maxReceipt.Minutes())
	}
	c.delivery.ringFor = d
	return nil
}

func setCanaryEvery(c *config, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < minCanary || d > maxCanary {
		return fmt.Errorf("is no such time: set it to one from %.0fs to %.0fh, such as 1m", minCanary.Seconds(), maxCanary.Hours())
	}
	c.delivery.canaryEvery = d
	return nil
}

func setBudget(c *config, value string) (err error) {
	c.delivery.budgets, err = pager.ParseBudgets(value)
	return err
}

func twilioCanary(c *config) *map[notifiers.Channel]string { return &c.twilio.canary }
func ntfyCanary(c *config) *map[notifiers.Channel]string   { return &c.ntfy.canary }

// canaryOf is a robot's address on a channel.
func canaryOf(field func(*config) *map[notifiers.Channel]string, channel notifiers.Channel) func(*config, string) error {
	return func(c *config, value string) error {
		if problem := providers.CheckCanary(channel, value); problem != "" {
			return errors.New(problem)
		}
		robots := field(c)
		if *robots == nil {
			*robots = map[notifiers.Channel]string{}
		}
		(*robots)[channel] = value
		return nil
	}
}
