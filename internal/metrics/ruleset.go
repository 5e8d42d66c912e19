package metrics

import "github.com/prometheus/client_golang/prometheus"

// A ruleset says, whenever it is asked, which rule set decides, whether a newer one could not be published, and
// how many of its rules fail again and again.
type ruleset struct {
	status  func() (version string, failed bool, failing int)
	info    *prometheus.Desc
	failed  *prometheus.Desc
	failing *prometheus.Desc
}

// Ruleset makes a collector of the live rule set's state.
func Ruleset(status func() (version string, failed bool, failing int)) prometheus.Collector {
	return &ruleset{
		status:  status,
		info:    prometheus.NewDesc("postern_ruleset_info", "1 for the version of the rule set that decides now.", []string{"version"}, nil),
		failed:  prometheus.NewDesc("postern_ruleset_failed", "1 while the rules as they lie there cannot be published and the last good set stays live.", nil, nil),
		failing: prometheus.NewDesc("postern_rules_failing", "Rules that failed 20 times in a row, and did not end well since.", nil, nil),
	}
}

// Describe names the three.
func (r *ruleset) Describe(to chan<- *prometheus.Desc) {
	to <- r.info
	to <- r.failed
	to <- r.failing
}

// Collect asks.
func (r *ruleset) Collect(to chan<- prometheus.Metric) {
	version, failed, failing := r.status()
	to <- prometheus.MustNewConstMetric(r.info, prometheus.GaugeValue, 1, clean(version))
	n := 0.0
	if failed {
		n = 1
	}
	to <- prometheus.MustNewConstMetric(r.failed, prometheus.GaugeValue, n)
	to <- prometheus.MustNewConstMetric(r.failing, prometheus.GaugeValue, float64(failing))
}
