package demo

import "testing"

// From Alertmanager 0.28 with one alert of {alertname="DiskFull", ...}: api/intake/testdata.
func TestAFingerprintIsPrometheuss(t *testing.T) {
	got := fingerprint(map[string]string{"alertname": "DiskFull", "class": "storage", "cluster": "db", "component": "disk",
		"instance": "db1", "severity": "critical"})
	if want := "555f7fc92c40d4f5"; got != want {
		t.Errorf("the fingerprint is %s, want %s", got, want)
	}
}
