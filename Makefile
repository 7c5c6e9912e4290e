# `make demo` and `make test` are all that a newcomer needs; both install what is missing.

# Without it each planning of the build may write other flags and compile everything again.
export SWIFT_DETERMINISTIC_HASHING = 1

# Seeds of `make simulate`, rounds of `make soak`, seconds of `make fuzz`.
SEEDS ?= 200000
ROUNDS ?= 20
SECONDS ?= 60

.PHONY: help
help:
	@echo 'make demo      build, and watch one service go through three releases under load'
	@echo 'make test      build, and run every test'
	@echo 'make lint      check the format of every source file'
	@echo 'make release   dist/windlass and dist/beacon, stripped, with the Swift runtime linked in; and'
	@echo '               dist/kubectl-windlass, the plug-in of kubectl, a link to the first'
	@echo 'make simulate  SEEDS=$(SEEDS) simulated runs with faults; prints the first seed that fails'
	@echo 'make torture   kill the daemon, or everything, at every failpoint of a full upgrade; damage'
	@echo '               1,000 backups per engine; make campaigns'
	@echo 'make e2e       run the operator in the simulated cluster: upgrades, decisions, takeovers, and'
	@echo '               2,000 requests a second through a proxy that learns late which pods go'
	@echo 'make campaigns  make plans; a bad and a good value of each field of the wish; an operator that'
	@echo '               stands still at each place of an upgrade; each right taken away; on virtual time'
	@echo 'make plans     one fault at every place of the operator'"'"'s courses'
	@echo 'make soak      ROUNDS=$(ROUNDS) demos in a row; not one request may be lost'
	@echo 'make bench     measure what docs/performance.md states'
	@echo 'make engines   run the drivers'"'"' tests and write docs/engines.md from what passed'
	@echo 'make crds      write deploy/crds, and the chart'"'"'s copy, from the Swift types'
	@echo 'make fuzz      feed damaged input to every parser for SECONDS=$(SECONDS) each'
	@echo 'make packages  install the Debian packages that are missing'
	@echo 'make clean     remove what was built'

.PHONY: packages
packages:
	@.ci/packages.sh

.PHONY: demo
demo: release
	dist/windlass demo

.PHONY: test
test: packages
	.ci/test.sh

.PHONY: lint
lint:
	swift format lint --strict --parallel --recursive Package.swift Sources Tests
	@for script in .ci/run .ci/*.sh; do sh -n "$$script" || exit 1; done

.PHONY: release
release: packages
	.ci/release.sh windlass
	.ci/release.sh beacon

.PHONY: simulate
simulate:
	swift build -c release --product simulate
	"$$(swift build -c release --show-bin-path)/simulate" --seeds $(SEEDS)

.PHONY: torture
torture: packages
	WINDLASS_TORTURE=all .ci/test.sh 2 5
	$(MAKE) campaigns

# Thousands of upgrades on virtual time, by optimised code; lists of them go to .build/reports.
.PHONY: campaigns
campaigns: packages
	.ci/campaigns.sh

.PHONY: plans
plans: packages
	.ci/campaigns.sh PlanTests

.PHONY: e2e
e2e: packages release
	swift build --build-tests
	WINDLASS_TORTURE=all WINDLASS_PROGRAMS="$(CURDIR)/dist" swift test --skip-build --filter '^EndToEndTests\..*Operator'

.PHONY: soak
soak: release
	.ci/soak.sh $(ROUNDS)

.PHONY: bench
bench: release
	.ci/release.sh bench
	.ci/release.sh SimulatedCluster
	.ci/bench.sh

.PHONY: engines
engines: packages
	.ci/engines.sh

.PHONY: crds
crds:
	swift run crds deploy/crds
	cp deploy/crds/*.yaml deploy/helm/windlass/crds/

.PHONY: fuzz
fuzz: packages
	.ci/fuzz.sh $(SECONDS)

.PHONY: clean
clean:
	rm -rf .build dist
