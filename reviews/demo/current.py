"""Outages that go on, or whose changes still wait for somebody."""

from reviews.demo.script import (
    ENGINEER,
    ENGINEER2,
    LEAD,
    LEAD2,
    Change,
    LastBusinessDay,
    Now,
    Outage,
    step,
)

LETSENCRYPT_2020 = Outage(
    title="Certificates are issued without checking each name again",
    description="Of several names to check, one is checked several times.",
    url="https://community.letsencrypt.org/t/2020-02-29-caa-rechecking-bug/114591",
    date="2020-02-29",
    zone="UTC",
    systems=("certificate-authority",),
    placed=LastBusinessDay(),
    published=(
        ("03:08", "The bug is confirmed."),
        ("03:10", "Issuance is halted."),
        ("05:22", "A fix is deployed, issuance is enabled again."),
    ),
    recorded="03:09",
    determined=step(
        "03:11", ENGINEER, "determine", "Nobody gets a certificate until it is fixed.",
        criterion="integrity", basis="customers",
    ),
    changes=(
        Change(
            title="Check every name that needs it",
            scope="Deploy the corrected loop over names and enable issuance.",
            risk="medium",
            risk_assessment="Slower issuance for certificates with many names.",
            rollback_plan="Halt issuance again.",
            steps=(
                step("03:40", ENGINEER, "open", "The fix is small."),
                step("03:42", ENGINEER, "submit", "Diff is in the scope.", asked_approver=LEAD),
                step("03:51", LEAD, "approve", "Read it twice; it is right."),
                step("04:30", ENGINEER, "start", "Deploying."),
                step("05:22", ENGINEER, "finish", "Fixed; issuance is enabled.",
                     outcome="successful", source="deployment",
                     execution="Deployment 7719: boulder on all hosts",
                     skipped="Load test", why="It takes a night.", catch_up_on=3),
                step("06:05", ENGINEER2, "verify", "All names are checked; no errors.",
                     watched="Checks by certificate, error rate"),
                step("08:00", ENGINEER, "attach_evidence", "The public thread.",
                     kind="communication", description="Announcement with the times",
                     link="https://community.letsencrypt.org/t/2020-02-29-caa-rechecking-bug/114591"),
                step("08:30", ENGINEER, "document", "Two hours and ten minutes without issuance."),
                step("09:00", ENGINEER, "correct", "It was 2 hours and 12 minutes.",
                     part="results"),
            ),
        ),
    ),
    resolved="05:22",
    severity=2,
)  # fmt: skip

LOG4J_2021 = Outage(
    title="Remote code execution through the logging library",
    description="CVE-2021-44228 was published; services in Java are exposed.",
    url="https://blog.cloudflare.com/how-cloudflare-security-responded-to-log4j2-vulnerability",
    date="2021-12-09",
    zone="UTC",
    systems=("log-pipeline",),
    placed=Now("+1 12:40"),
    published=(
        ("16:57", "A researcher reports remote code execution."),
        ("+1 09:56", "The first firewall rule is shipped."),
        ("+1 10:00", "A formal incident is opened; what must be patched is looked for."),
        ("+1 10:33", "Logstash is deployed with a patch."),
        ("+1 10:50", "The restart of Elasticsearch with a patch begins."),
        ("+1 11:05", "The restart is complete; it is not vulnerable any more."),
    ),
    recorded="17:05",
    determined=step(
        "+1 10:01", ENGINEER, "determine", "It is exploited already; a release takes days.",
        criterion="security", imminence="imminent", basis="alert",
    ),
    changes=(
        Change(
            title="Patch the logging library in the log pipeline",
            scope="Deploy Logstash and Elasticsearch with the lookup class removed.",
            risk="medium",
            risk_assessment="Search is slow while the cluster restarts.",
            rollback_plan="Deploy the previous packages behind the firewall rule.",
            confidential=True,
            steps=(
                step("+1 10:02", ENGINEER, "open", "The pipeline logs what strangers send."),
                step("+1 10:04", ENGINEER, "submit", "Packages are built.", asked_approver=LEAD),
                step("+1 10:10", LEAD, "share", "Tomasz verifies.", person=ENGINEER2),
                step("+1 10:12", LEAD, "approve", "Patch it now; tell nobody outside."),
                step("+1 10:20", ENGINEER, "start", "Logstash first."),
                step("+1 10:33", ENGINEER, "log_execution", "Logstash is patched.",
                     source="deployment"),
                step("+1 11:05", ENGINEER, "finish", "Elasticsearch restarted with the patch.",
                     outcome="successful", no_deviations=True, source="deployment",
                     execution="Deployment 3321: 48 of 48 nodes"),
                step("+1 11:20", ENGINEER2, "check_stability", "Search is still slow, no errors.",
                     watched="Search latency, errors"),
                step("+1 11:50", ENGINEER2, "verify", "The exploit string does nothing any more.",
                     watched="Outgoing LDAP connections"),
                step("+1 12:10", ENGINEER2, "attach_evidence", "From the firewall.",
                     kind="verification", description="Outgoing connections since the patch",
                     source_system="firewall", text="11:05 to 12:05: 0 outgoing LDAP connections"),
            ),
        ),
    ),
)  # fmt: skip

CROWDSTRIKE_2024 = Outage(
    title="Workstations restart with a blue screen",
    description="A content update of the endpoint agent makes Windows crash.",
    url="https://www.crowdstrike.com/blog/falcon-update-for-windows-hosts-technical-details/",
    date="2024-07-19",
    zone="UTC",
    systems=("endpoint-agent",),
    placed=Now("08:00"),
    published=(
        ("04:09", "A content update is released to Windows systems."),
        ("05:27", "The update is remediated."),
    ),
    recorded="04:35",
    determined=step(
        "04:40", ENGINEER2, "determine", "Machines crash by the thousand.",
        criterion="outage", basis="customers",
    ),
    changes=(
        Change(
            title="Take the content update back",
            scope="Release the content file without the faulty template.",
            risk="low",
            risk_assessment="One detection is missing.",
            rollback_plan="Release no content at all.",
            steps=(
                step("05:00", ENGINEER2, "open", "File 291 is the cause."),
                step("05:02", ENGINEER2, "submit", "Ready.", asked_approver=LEAD),
                step("05:06", ENGINEER2, "claim_approval", "“Pull it, I confirm it later.”",
                     happened="05:04", approver=LEAD2, channel="phone",
                     call_log="https://calls.example.test/2291"),
                step("05:10", ENGINEER2, "start", "Releasing."),
                step("05:27", ENGINEER2, "finish", "Taken back everywhere.",
                     outcome="successful", source="deployment",
                     execution="Release 291.33: all channels",
                     skipped="Staged release", why="Each stage means more crashed machines."),
                step("06:10", ENGINEER, "verify", "No new crashes since 05:27.",
                     watched="Crash reports"),
                step("06:40", ENGINEER2, "attach_evidence", "The published details.",
                     kind="what_changed", description="Technical details of the update",
                     link="https://www.crowdstrike.com/blog/falcon-update-for-windows-hosts-technical-details/"),
                step("07:00", ENGINEER2, "document",
                     "78 minutes; machines that crashed must be repaired by hand."),
            ),
        ),
    ),
)  # fmt: skip

BACKBONE_2020 = Outage(
    title="Half of the traffic is gone",
    description="A router in Atlanta attracts the traffic of the whole backbone.",
    url="https://blog.cloudflare.com/cloudflare-outage-on-july-17-2020/",
    date="2020-07-17",
    zone="UTC",
    systems=("backbone",),
    placed=Now("21:55"),
    published=(
        ("21:12", "A configuration change on a router in Atlanta."),
        ("21:39", "The Atlanta router is taken off the backbone; service is restored."),
        ("22:10", "Full recovery, logs and metrics included."),
    ),
    recorded="21:15",
    determined=step(
        "21:18", ENGINEER, "determine", "Twenty locations are overwhelmed.",
        criterion="outage", basis="monitoring",
    ),
    changes=(
        Change(
            title="Take the Atlanta router off the backbone",
            scope="Disable the backbone sessions of the Atlanta router.",
            risk="medium",
            risk_assessment="Traffic takes the public Internet for a while.",
            rollback_plan="Enable the sessions one by one.",
            steps=(
                step("21:25", ENGINEER, "open", "Atlanta attracts everything."),
                step("21:26", ENGINEER, "submit", "One command.", asked_approver=LEAD),
                step("21:31", LEAD, "approve", "Do it."),
                step("21:34", ENGINEER, "start", "Disabling."),
                step("21:39", ENGINEER, "finish", "Traffic comes back.",
                     outcome="successful", no_deviations=True, source="log",
                     execution="21:39 atl01: deactivate protocols bgp group backbone"),
                step("21:47", ENGINEER2, "check_stability", "CPU is falling everywhere.",
                     watched="CPU and traffic by location"),
            ),
        ),
    ),
)  # fmt: skip

STACKEXCHANGE_2016 = Outage(
    title="The home page does not answer",
    description="A post with 20,000 spaces keeps a regular expression busy on every server.",
    url="https://stackstatus.tumblr.com/post/147710624694/outage-postmortem-july-20-2016",
    date="2016-07-20",
    zone="UTC",
    systems=("question-site",),
    placed=Now("15:13"),
    published=(
        ("14:44", "The outage begins."),
        ("14:54", "The cause is identified."),
        ("15:08", "The code that fixes it is written."),
        ("15:18", "The fix is rolled out."),
    ),
    recorded="14:46",
    determined=step(
        "14:50", ENGINEER2, "determine", "All servers are out of rotation.",
        criterion="outage", basis="monitoring",
    ),
    changes=(
        Change(
            title="Trim without a regular expression",
            scope="Replace the regular expression that trims spaces by a substring function.",
            risk="low",
            risk_assessment="One function, called everywhere.",
            rollback_plan="Deploy the previous build.",
            steps=(
                step("14:55", ENGINEER2, "open", "The expression needs quadratic time."),
                step("14:57", ENGINEER2, "submit", "I write it meanwhile.", asked_approver=LEAD),
                step("15:03", LEAD2, "approve", "Yes, after a second pair of eyes."),
                step("15:08", ENGINEER2, "start", "Build 2016.7.20.2 goes to the web servers."),
                step("15:11", ENGINEER2, "log_execution", "4 of 9 servers are done.",
                     source="deployment", link="https://builds.example.test/2016.7.20.2"),
            ),
        ),
    ),
)  # fmt: skip

SERVICE_CONTROL_2025 = Outage(
    title="API requests fail with 503 in every region",
    description="Service control crashes on a policy with blank fields.",
    url="https://status.cloud.google.com/incidents/ow5i3PPK96RduMcb1SsW",
    date="2025-06-12",
    zone="PDT",
    systems=("service-control",),
    placed=Now("11:17"),
    published=(
        ("10:51", "API requests begin to fail in all regions."),
        ("10:53", "The incident is triaged."),
        ("11:01", "The root cause is identified; the red button is prepared."),
        ("11:16", "The red button is ready to be rolled out."),
    ),
    recorded="10:53",
    determined=step(
        "10:58", ENGINEER, "determine", "Every product is affected.",
        criterion="outage", basis="alert",
    ),
    changes=(
        Change(
            title="Press the red button of the new quota checks",
            scope="Turn off the code path that serves the new quota policies, in all regions.",
            risk="medium",
            risk_assessment="The largest region may be overloaded when all tasks restart.",
            rollback_plan="Turn the path on again, region by region.",
            steps=(
                step("11:02", ENGINEER, "open", "The null pointer is in the new path."),
                step("11:04", ENGINEER, "submit", "Button is being built.", asked_approver=LEAD),
                step("11:12", LEAD2, "approve", "Press it as soon as it is there."),
            ),
        ),
    ),
)  # fmt: skip

EDGE_2022 = Outage(
    title="Nineteen of the busiest locations are offline",
    description="A change of the order of routing terms withdrew their prefixes.",
    url="https://blog.cloudflare.com/cloudflare-outage-on-june-21-2022/",
    date="2022-06-21",
    zone="UTC",
    systems=("edge-network",),
    placed=Now("07:03"),
    published=(
        ("06:27", "The change reaches the new locations; the incident starts."),
        ("06:32", "An internal incident is declared."),
        ("06:51", "First change on a router to verify the root cause."),
        ("06:58", "Root cause found and understood; work begins to revert."),
    ),
    recorded="06:32",
    determined=step(
        "06:35", ENGINEER2, "determine", "Half of all requests pass these locations.",
        criterion="outage", basis="monitoring",
    ),
    changes=(
        Change(
            title="Revert the order of the routing terms",
            scope="Revert the change on the spines of all nineteen locations.",
            risk="high",
            risk_assessment="Routers are reached out of band only; reverts may collide.",
            rollback_plan="Stop after each location; the change before is known.",
            steps=(
                step("06:55", ENGINEER2, "open", "The test on one router proves it."),
                step("06:58", ENGINEER2, "submit", "Engineers sit at the consoles.",
                     asked_approver=LEAD),
            ),
        ),
    ),
)  # fmt: skip

DYNAMODB_2025 = Outage(
    title="The table store cannot be resolved",
    description="The DNS record of the regional endpoint is empty.",
    url="https://aws.amazon.com/message/101925/",
    date="2025-10-19",
    zone="PDT",
    systems=("table-store",),
    placed=Now("+1 00:46"),
    published=(
        ("23:48", "API errors increase."),
        ("+1 00:38", "The DNS state is identified as the source of the outage."),
    ),
    recorded="23:52",
    determined=step(
        "+1 00:10", ENGINEER, "determine", "No new connection is possible.",
        criterion="outage", basis="monitoring",
    ),
    changes=(
        Change(
            title="Restore the DNS record by hand",
            scope="Write the last good record and stop the automation in the region.",
            risk="high",
            risk_assessment="The automation may write over it.",
            rollback_plan="Start the automation again.",
            steps=(step("+1 00:42", ENGINEER, "open", "The record is empty."),),
        ),
    ),
)  # fmt: skip

CURRENT = (
    LETSENCRYPT_2020,
    LOG4J_2021,
    CROWDSTRIKE_2024,
    BACKBONE_2020,
    STACKEXCHANGE_2016,
    SERVICE_CONTROL_2025,
    EDGE_2022,
    DYNAMODB_2025,
)
