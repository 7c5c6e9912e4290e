/// Documents that the tests of the configuration change.
enum ConfigurationDocuments {
  /// A public key that is well formed.
  static let publicKey = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"

  /// Only what must be said.
  static let minimal = """
    apiVersion: windlass.dev/v1alpha1
    kind: ManagedService
    metadata: {name: beacon}
    spec:
      source:
        manifest:
          url: https://releases.example/beacon.json
          service: beacon
          publicKeys: ["\(publicKey)"]
      database:
        urlFrom: {env: BEACON_DB}
      fleet:
        processes:
          command: ["{artifact}/beacon", "serve"]
          listen: [{name: http, address: "127.0.0.1:8080"}]

    """

  /// Everything that can be said.
  static let whole = """
    apiVersion: windlass.dev/v1alpha1
    kind: ManagedService
    metadata:
      name: beacon
      labels: {team: flags}
    spec:
      source:
        manifest:
          url: https://releases.example:8443/beacon.json?tenant=1
          service: beacon
          interval: 30s
          publicKeys: ["\(publicKey)"]
        channel: candidate
        versions: ">=1.0.0 <2.0.0"
        minimumAge: 24h
      database:
        urlFrom: {env: BEACON_DB}
        inject: {env: BEACON_DB, format: url}
        ledger: golang-migrate
        lockBudget: 50ms
        holdBudget: 2s
        roles: {}
      migrations:
        engine: {}
      backup: {directory: /var/lib/windlass/backups, keep: 7}
      proof: {require: queries, env: {BEACON_REHEARSAL: "1"}, isolation: none}
      fleet:
        processes:
          command: ["{artifact}/beacon", "serve"]
          env: {BEACON_LOG: info}
          replicas: 3
          listen:
            - {name: http, address: "127.0.0.1:8080"}
            - {name: admin, address: "[::1]:9090"}
          readiness: {path: /ready}
          version: {path: /about, pointer: /build/version}
          drain: 20s
          grace: 5s
      rollout:
        observe: 1s
        canary: 2
        maxUnavailable: 1
        maxSurge: 2
        stability: 300ms
        soak: 2s
        progressDeadline: 30s
        analysis: []
      policy: {approval: always, windows: [], onUnsafe: block, paused: true}
    status: {}

    """
}
