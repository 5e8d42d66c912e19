package peers

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// mainCf is main.cf: forward one domain, give all else to the capture server, retry within a second, look nothing up.
func (p *PostfixServer) mainCf(o PostfixOptions) string {
	nexthop := o.Nexthop
	if len(o.Command) > 0 {
		nexthop = "command:"
	}
	domain := cmp.Or(o.Domain, "example.com")
	settings := map[string]string{
		"compatibility_level":   "3.6",
		"queue_directory":       filepath.Join(p.dir, "queue"),
		"data_directory":        filepath.Join(p.dir, "data"),
		"daemon_directory":      postfixDaemons,
		"command_directory":     "/usr/sbin",
		"meta_directory":        "/etc/postfix",
		"maillog_file":          filepath.Join(p.dir, "mail.log"),
		"maillog_file_prefixes": p.dir,

		"myhostname":               "mx.postfix.test",
		"mydestination":            "",
		"mynetworks":               "127.0.0.0/8",
		"inet_interfaces":          "127.0.0.1",
		"inet_protocols":           "ipv4",
		"relay_domains":            domain,
		"transport_maps":           fmt.Sprintf("inline:{ {%s = %s} }", domain, nexthop),
		"default_transport":        "lmtp:inet:" + p.Bounces.Addr,
		"smtpd_relay_restrictions": "permit_mynetworks, reject",
		"alias_maps":               "",
		"alias_database":           "",
		"smtpd_peername_lookup":    "no",
		"smtp_dns_support_level":   "disabled",
		"message_size_limit":       "104857600",
		"mailbox_size_limit":       "0",
		"biff":                     "no",

		// A mail that was refused for now is tried again at once, and for a day.
		"queue_run_delay":        "1s",
		"minimal_backoff_time":   "1s",
		"maximal_backoff_time":   "2s",
		"transport_retry_time":   "1s",
		"in_flow_delay":          "0s",
		"smtp_connect_timeout":   "5s",
		"lmtp_connect_timeout":   "5s",
		"maximal_queue_lifetime": "1d",
		"bounce_queue_lifetime":  "1d",

		"command_destination_recipient_limit": "1", // pipe(8) names one recipient a run
	}
	maps.Copy(settings, o.Main)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s = %s\n", name, settings[name])
	}
	return b.String()
}

// masterCf is master.cf: the services that forwarding needs, none of them in a chroot.
func (p *PostfixServer) masterCf(o PostfixOptions) string {
	var b strings.Builder
	b.WriteString("# service type private unpriv chroot wakeup maxproc command\n")
	for _, line := range []string{
		p.Addr + " inet n - n - - smtpd",
		"pickup unix n - n 60 1 pickup",
		"cleanup unix n - n - 0 cleanup",
		"qmgr unix n - n 1 1 qmgr",
		"rewrite unix - - n - - trivial-rewrite",
		"bounce unix - - n - 0 bounce",
		"defer unix - - n - 0 bounce",
		"trace unix - - n - 0 bounce",
		"verify unix - - n - 1 verify",
		"flush unix n - n 1000? 0 flush",
		"proxymap unix - - n - - proxymap",
		"smtp unix - - n - - smtp",
		"lmtp unix - - n - - lmtp",
		"relay unix - - n - - smtp",
		"showq unix n - n - - showq",
		"error unix - - n - - error",
		"retry unix - - n - - error",
		"discard unix - - n - - discard",
		"anvil unix - - n - 1 anvil",
		"scache unix - - n - 1 scache",
		"postlog unix-dgram n - n - 1 postlogd",
	} {
		b.WriteString(line + "\n")
	}
	if len(o.Command) > 0 {
		fmt.Fprintf(&b, "command unix - n n - 10 pipe\n  flags=q null_sender= user=%s argv=%s", cmp.Or(o.User, "nobody"), o.Command[0])
		for _, arg := range o.Command[1:] {
			fmt.Fprintf(&b, " { %s }", arg) // master(5): braces hold white space together
		}
		b.WriteString("\n")
	}
	b.WriteString(o.Master)
	return b.String()
}
