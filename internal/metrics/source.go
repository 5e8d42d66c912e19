package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Way is what is known of a source or a hook.
type Way struct {
	Name            string
	HeardAt, MailAt time.Time
	Failing, Silent bool
	Polled          bool // it is a source, of which the next three are known
	Backlog         int  // -1: unknown
	Pending, Parked int
}

// ways says, whenever it is asked, what is known of each way in.
type ways struct {
	list                                                    func() []Way
	heard, mail, failing, silent, backlog, pending, parking *prometheus.Desc
}

// Ways makes a collector of what is known of sources and hooks, on all nodes.
func Ways(list func() []Way) prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"source"}, nil)
	}
	return &ways{
		list:    list,
		heard:   desc("postern_source_heard_timestamp_seconds", "When a source or hook was last heard with success, on any node."),
		mail:    desc("postern_source_mail_timestamp_seconds", "When the last mail came by a source or hook, on any node."),
		failing: desc("postern_source_failing", "1 while the last contact with a source or hook failed."),
		silent:  desc("postern_source_silent", "1 while a source or hook brings no mail for longer than usual."),
		backlog: desc("postern_source_backlog", "Mails that lay before a source at its last poll."),
		pending: desc("postern_source_pending", "Mails of a source that are asked for again later."),
		parking: desc("postern_source_parked", "Mails of a source that are put aside: somebody should look."),
	}
}

// Describe names them.
func (w *ways) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{w.heard, w.mail, w.failing, w.silent, w.backlog, w.pending, w.parking} {
		to <- d
	}
}

// Collect asks.
func (w *ways) Collect(to chan<- prometheus.Metric) {
	list := w.list()
	for _, one := range list[:min(len(list), maxSources)] {
		name := clean(one.Name)
		set := func(d *prometheus.Desc, v float64) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, name)
		}
		if !one.HeardAt.IsZero() {
			set(w.heard, float64(one.HeardAt.Unix()))
		}
		if !one.MailAt.IsZero() {
			set(w.mail, float64(one.MailAt.Unix()))
		}
		set(w.failing, flag(one.Failing))
		set(w.silent, flag(one.Silent))
		if one.Polled {
			if one.Backlog >= 0 {
				set(w.backlog, float64(one.Backlog))
			}
			set(w.pending, float64(one.Pending))
			set(w.parking, float64(one.Parked))
		}
	}
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Lag is how long a mail took from its receipt by a server or provider that kept or passed it for us to the commit.
func (m *Metrics) Lag(source string, d time.Duration) {
	m.lag.WithLabelValues(source).Observe(d.Seconds())
}

// Fetched counts a mail that was fetched. The lag is from its server's receipt to the commit, below 0 where it is not known.
func (m *Metrics) Fetched(source, verdict string, lag time.Duration) {
	source = m.sources.bound(source)
	m.fetched.WithLabelValues(source, m.verdicts.bound(verdict)).Inc()
	if lag >= 0 {
		m.Lag(source, lag)
	}
}

// Parked counts a mail that was put aside.
func (m *Metrics) Parked(source string) { m.parked.WithLabelValues(m.sources.bound(source)).Inc() }

// PollFailed counts a poll that failed.
func (m *Metrics) PollFailed(source string) {
	m.pollFailed.WithLabelValues(m.sources.bound(source)).Inc()
}
