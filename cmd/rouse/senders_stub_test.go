package main

import (
	"context"
	"testing"
)

func tellOfNagios(ctx context.Context, t *testing.T)     {}
func tellOfZabbix(ctx context.Context, t *testing.T)     {}
func tellOfUptimeKuma(ctx context.Context, t *testing.T) {}
func tellOfGrafana(ctx context.Context, t *testing.T)    {}
