package rest

import (
	"time"

	"rouse/engine"
)

// noiseOf is what a service keeps quiet about, of the wire, as the core has it.
func noiseOf(n Noise) engine.Noise {
	out := engine.Noise{
		Return:    engine.Return{Within: time.Duration(n.Return.Within), Once: n.Return.Once},
		Grouping:  engine.Grouping{By: n.Grouping.By, Within: time.Duration(n.Grouping.Within)},
		AutoClose: time.Duration(n.AutoClose),
	}
	for s, d := range map[engine.Severity]Duration{engine.Critical: n.Delay.Critical, engine.Major: n.Delay.Major, engine.Minor: n.Delay.Minor} {
		if d != 0 {
			if out.Delay == nil {
				out.Delay = map[engine.Severity]time.Duration{}
			}
			out.Delay[s] = time.Duration(d)
		}
	}
	return out
}

func noiseOut(n engine.Noise) (out Noise) {
	out.Delay.Critical, out.Delay.Major, out.Delay.Minor = Duration(n.Delay[engine.Critical]), Duration(n.Delay[engine.Major]), Duration(n.Delay[engine.Minor])
	out.Return.Within, out.Return.Once = Duration(n.Return.Within), n.Return.Once
	out.Grouping.By, out.Grouping.Within = n.Grouping.By, Duration(n.Grouping.Within)
	out.AutoClose = Duration(n.AutoClose)
	return out
}
