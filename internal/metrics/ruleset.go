package metrics

import "github.com/prometheus/client_golang/prometheus"

// A ruleset says, whenever it is asked, which rule set decides, and whether a newer one could not be published.
type ruleset struct {
	status func() (version string, failed bool)
	info   *prometheus.Desc
	failed *prometheus.Desc
}

// Ruleset makes a collector of the live rule set's state.
func Ruleset(status func() (version string, failed bool)) prometheus.Collector {
	return &ruleset{
		status: status,
		info:   prometheus.NewDesc("postern_ruleset_info", "1 for the version of the rule set that decides now.", []string{"version"}, nil),
		failed: prometheus.NewDesc("postern_ruleset_failed", "1 while the rules as they lie there cannot be published and the last good set stays live.", nil, nil),
	}
}

// Describe names the two.
func (r *ruleset) Describe(to chan<- *prometheus.Desc) {
	to <- r.info
	to <- r.failed
}

// Collect asks.
func (r *ruleset) Collect(to chan<- prometheus.Metric) {
	version, failed := r.status()
	to <- prometheus.MustNewConstMetric(r.info, prometheus.GaugeValue, 1, clean(version))
	n := 0.0
	if failed {
		n = 1
	}
	to <- prometheus.MustNewConstMetric(r.failed, prometheus.GaugeValue, n)
}
