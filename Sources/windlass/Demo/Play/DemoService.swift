import ReleaseFeeds

/// One of the demo's managed services: its feed, its key, its port, its database.
struct DemoService: Sendable {
  let name: String
  let key: SecretKey
  let port: UInt16
  let replicas: Int
  let files: @Sendable (DemoEngine) -> [EmbeddedMigration]

  /// What its database is called on a server, where a name is a plain word.
  var databaseName: String { String(name.map { $0 == "-" ? "_" : $0 }) }

  /// Where the feed's manifest is served.
  var manifestPath: String { "/\(name)/manifest.json" }

  /// The service's document for the daemon.
  func document(feed: String, directory: PrivateDirectory) -> String {
    """
    apiVersion: windlass.dev/v1alpha1
    kind: ManagedService
    metadata: {name: \(name)}
    spec:
      source:
        manifest:
          url: \(feed)
          service: \(name)
          interval: 1s
          publicKeys: ["\(key.publicKey.text)"]
        versions: ">=1.0.0 <2.0.0"
      database:
        urlFrom: {file: \(directory.path)/\(name).url}
        inject: {env: BEACON_DB, format: url}
      backup: {keep: 3}
      fleet:
        processes:
          command: ["{artifact}/beacon", "serve", "--drain", "9000"]
          replicas: \(replicas)
          listen: [{name: http, address: "127.0.0.1:\(port)"}]
          readiness: {path: /healthz}
          version: {path: /version, pointer: /version}
          drain: 10s
          grace: 2s
      rollout:
        observe: 2s
        canary: 1
        maxUnavailable: 0
        maxSurge: 1
        stability: 1500ms
        soak: 2s
        progressDeadline: 30s

    """
  }
}
