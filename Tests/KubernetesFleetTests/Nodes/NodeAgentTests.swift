import Foundation
import SimulatedCluster
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Pods as processes, from their binding to their end.
@Suite(.serialized)
struct NodeAgentTests {
  private static func container(
    _ name: String, _ script: String, _ more: [JSONMember] = []
  ) -> JSONValue {
    .object(
      [
        JSONMember("name", .string(name)), JSONMember("image", "registry.example.com/tools:v1"),
        JSONMember("command", ["sh", "-c", .string(script)]),
      ] + more)
  }

  /// Holds back what comes next until the sidecar has written its word.
  private static let written: JSONValue = [
    "exec": ["command": ["grep", "-q", "beside", "/windlass-work/order"]], "periodSeconds": 1,
  ]

  private static let mounts: JSONValue = [
    ["name": "work", "mountPath": "/windlass-work"],
    ["name": "conf", "mountPath": "/windlass-conf", "readOnly": true],
    ["name": "claim", "mountPath": "/windlass-claim", "subPath": "part"],
  ]

  @Test(arguments: MountWay.allCases)
  func `a pod has its variables, volumes and order`(_ way: MountWay) async throws {
    guard way == .rewriting || MountWay.possible == .namespace else { return }
    try await NodeWorld.with(mounts: way) { world in
      try await world.create(
        .configMaps, "settings", ["data": ["greeting": "hello", "other": "x"]])
      let secrets = ResourceType(plural: "secrets", kind: "Secret")
      try await world.create(secrets, "url", ["data": ["url": "c3FsaXRl"]])
      let mounts = Self.mounts
      let env: JSONValue = [
        ["name": "POD", "valueFrom": ["fieldRef": ["fieldPath": "metadata.name"]]],
        ["name": "ADDRESS", "valueFrom": ["fieldRef": ["fieldPath": "status.podIP"]]],
        ["name": "URL", "valueFrom": ["secretKeyRef": ["name": "url", "key": "url"]]],
        [
          "name": "GREETING",
          "valueFrom": ["configMapKeyRef": ["name": "settings", "key": "greeting"]],
        ], ["name": "BOTH", "value": "$(GREETING) $(POD) $$(POD)"],
      ]
      let more = [JSONMember("volumeMounts", mounts), JSONMember("env", env)]
      try await world.run(
        "one",
        [
          "restartPolicy": "Never",
          "initContainers": [
            Self.container("first", "echo first >>/windlass-work/order", more),
            Self.container(
              "beside",
              "echo beside >>/windlass-work/order; trap 'exit 0' TERM; while :; do sleep 0.1; done",
              more + [
                JSONMember("restartPolicy", "Always"), JSONMember("startupProbe", Self.written),
              ]),
            Self.container("second", "echo second >>/windlass-work/order", more),
          ],
          "containers": [
            Self.container(
              "main",
              "{ cat /windlass-work/order /windlass-conf/greeting; "
                + "echo; echo \"$ADDRESS $URL $BOTH\"; echo kept >/windlass-claim/file; "
                + "echo x >/windlass-conf/no; } >/windlass-work/out 2>/dev/null; "
                + "cat /windlass-work/out >\"$MESSAGE\"; exit 3",
              [
                JSONMember("volumeMounts", mounts),
                JSONMember(
                  "env",
                  .array(
                    (env.array ?? []) + [["name": "MESSAGE", "value": "/windlass-message"]])),
                JSONMember("terminationMessagePath", "/windlass-message"),
              ])
          ],
          "volumes": [
            ["name": "work", "emptyDir": .object([])],
            ["name": "conf", "configMap": ["name": "settings"]],
            ["name": "claim", "persistentVolumeClaim": ["claimName": "data"]],
          ],
        ])
      let pod = try await world.pod("one") { $0.phase == "Failed" }
      let address = pod.value(at: "/status/podIP")?.string ?? ""
      let ended = pod.container().value(at: "/state/terminated") ?? .null
      #expect(ended["exitCode"] == 3)
      #expect(ended["reason"] == "Error")
      #expect(
        ended["message"]?.string
          == "first\nbeside\nsecond\nhello\n\(address) sqlite hello one $(POD)\n")
      let initial = pod.value(at: "/status/initContainerStatuses")?.array ?? []
      #expect(initial.map { $0.value(at: "/state/terminated/exitCode") } == [0, 0, 0])
      #expect(world.text("node/claims/shop/data/part/file") == "kept\n")
      try await world.delete("one")
      #expect(try await world.waitUntilGone("one"))
    }
  }

  @Test func `a pod whose policy denies it to begin connections has a network of its own`()
    async throws
  {
    try await NodeWorld.with { world in
      let policies = ResourceType(
        group: "networking.k8s.io", plural: "networkpolicies", kind: "NetworkPolicy")
      try await world.create(
        policies, "closed",
        [
          "spec": [
            "podSelector": ["matchLabels": ["network": "closed"]], "policyTypes": ["Egress"],
            "egress": [["to": [["podSelector": ["matchLabels": ["app": "database"]]]]]],
          ]
        ])
      let look = "readlink /proc/self/ns/net >>\"$OUT\"; grep -c : /proc/net/dev >>\"$OUT\""
      for name in ["closed", "open"] {
        let file = world.folder.appendingPathComponent(name).path
        let env = JSONMember("env", [["name": "OUT", "value": .string(file)]])
        let pod = KubernetesObject([
          "apiVersion": "v1", "kind": "Pod",
          "metadata": [
            "name": .string(name), "namespace": "shop", "labels": ["network": .string(name)],
          ],
          "spec": [
            "restartPolicy": "Never",
            "initContainers": [
              Self.container(
                "beside", look + "; echo up >>\"$OUT\"; exec sleep 600",
                [
                  env, JSONMember("restartPolicy", "Always"),
                  JSONMember(
                    "startupProbe",
                    [
                      "exec": ["command": ["grep", "-q", "up", .string(file)]],
                      "periodSeconds": 1,
                    ]),
                ])
            ],
            "containers": [Self.container("main", look, [env])],
          ],
        ])
        _ = try await world.client.create(pod, as: .pods)
      }
      for name in ["closed", "open"] { try await world.pod(name) { $0.phase == "Succeeded" } }
      let lines = { (name: String) in world.text(name).split(separator: "\n").map(String.init) }
      let (closed, open) = (lines("closed"), lines("open"))
      try #require(closed.count == 5 && open.count == 5)
      // Both containers of a pod have one network, with nothing in it but the pod.
      #expect(closed[0] == closed[3] && closed[1] == "1" && closed[4] == "1")
      #expect(open[0] == open[3] && open[0] != closed[0])
      let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
      #expect(open[0] == own)
    }
  }

  @Test func `a pod that is deleted gets its hook, its signal, its time, and then the end`()
    async throws
  {
    try await NodeWorld.with { world in
      let log = world.folder.appendingPathComponent("log").path
      let say = { (word: String) in "echo \(word) >>\(log)" }
      let grandchild = world.folder.appendingPathComponent("grandchild").path
      try await world.run(
        "polite",
        [
          "terminationGracePeriodSeconds": 20,
          "containers": [
            Self.container(
              "main",
              "trap '\(say("term")); exit 0' TERM; \(say("up")); while :; do sleep 0.05; done",
              [
                JSONMember(
                  "lifecycle",
                  ["preStop": ["exec": ["command": ["sh", "-c", .string(say("hook"))]]]])
              ])
          ],
        ])
      try await world.run(
        "stubborn",
        [
          "terminationGracePeriodSeconds": 1,
          "containers": [
            Self.container(
              "main",
              "trap '' TERM; setsid sh -c 'echo $$$$ >\(grandchild); sleep 600' & "
                + "while :; do sleep 0.05; done")
          ],
        ])
      // Ready without a probe is only begun: its signal's handler is there once it says so.
      try await world.pod("polite") { $0.isReadyPod && world.text("log") == "up\n" }
      try await world.pod("stubborn") { $0.isReadyPod && !world.text("grandchild").isEmpty }
      try await world.delete("polite")
      #expect(try await world.waitUntilGone("polite", within: 10))
      #expect(world.text("log") == "up\nhook\nterm\n")
      let began = world.clock.now()
      try await world.delete("stubborn")
      #expect(try await world.waitUntilGone("stubborn", within: 15))
      #expect(world.clock.now() - began >= .milliseconds(900))
      let pid = try #require(Int32(world.text("grandchild").dropLast()))
      #expect(try await world.waitUntilDead(pid), "the grandchild outlived its container")
    }
  }

  @Test func `containers that fail are started again, later each time, and Jobs count them`()
    async throws
  {
    try await NodeWorld.with { world in
      try await world.run(
        "loops",
        ["containers": [Self.container("main", "exit 7")]])
      let pod = try await world.pod("loops") {
        $0.container().value(at: "/state/waiting/reason") == "CrashLoopBackOff"
      }
      #expect(pod.container()["restartCount"] == 1)
      #expect(pod.container().value(at: "/lastState/terminated/exitCode") == 7)
      #expect(!pod.isReadyPod)
      try await world.pod("loops") { ($0.container()["restartCount"]?.integer ?? 0) >= 3 }
      let job = { (script: String) -> JSONValue in
        [
          "spec": [
            "backoffLimit": 0,
            "template": [
              "spec": ["restartPolicy": "Never", "containers": [Self.container("step", script)]]
            ],
          ]
        ]
      }
      try await world.create(.jobs, "good", job("exit 0"))
      try await world.create(.jobs, "bad", job("exit 1"))
      let holds = { (job: JSONValue, type: String) in
        (job.value(at: "/status/conditions")?.array ?? []).contains {
          $0["type"]?.string == type && $0["status"]?.string == "True"
        }
      }
      try await world.wait(.jobs, "good") { holds($0, "Complete") }
      try await world.wait(.jobs, "bad") { holds($0, "Failed") }
    }
  }

  @Test func `probes make ready, hold back and end`() async throws {
    try await NodeWorld.with { world in
      let flag = world.folder.appendingPathComponent("alive").path
      try "".write(toFile: flag, atomically: true, encoding: .utf8)
      let check: JSONValue = [
        "exec": ["command": ["sh", "-c", .string("test -e \(flag)")]], "periodSeconds": 1,
        "failureThreshold": 1,
      ]
      try await world.run(
        "probed",
        [
          "terminationGracePeriodSeconds": 1,
          "containers": [
            Self.container(
              "main", "sleep 600",
              [
                JSONMember("startupProbe", check), JSONMember("livenessProbe", check),
                JSONMember(
                  "readinessProbe",
                  ["exec": ["command": ["true"]], "periodSeconds": 1]),
              ])
          ],
        ])
      try await world.pod("probed") { $0.isReadyPod }
      unlink(flag)
      let restarted = try await world.pod("probed") { $0.container()["restartCount"] == 1 }
      #expect(restarted.container().value(at: "/lastState/terminated/exitCode") != .integer(0))
      try await world.run(
        "absent", ["containers": [["name": "main", "image": "registry.example.com/absent:v1"]]])
      let absent = try await world.pod("absent") {
        $0.container().value(at: "/state/waiting/reason") == "ImagePullBackOff"
      }
      #expect(absent.phase == "Pending")
      try await world.delete("absent")
      #expect(try await world.waitUntilGone("absent"))
    }
  }

  @Test func `what a container names is waited for, and a forced deletion ends all at once`()
    async throws
  {
    try await NodeWorld.with { world in
      let file = world.folder.appendingPathComponent("pid").path
      let url: JSONValue = [
        ["name": "URL", "valueFrom": ["secretKeyRef": ["name": "late", "key": "url"]]]
      ]
      try await world.run(
        "waits",
        [
          "terminationGracePeriodSeconds": 30,
          "containers": [
            Self.container(
              "main", "trap '' TERM; echo $$$$ >\(file); while :; do sleep 0.05; done",
              [JSONMember("env", url)])
          ],
        ])
      let waiting = try await world.pod("waits") {
        $0.container().value(at: "/state/waiting/reason") == "CreateContainerConfigError"
      }
      #expect(
        waiting.container().value(at: "/state/waiting/message") == "secret \"late\" not found")
      try await world.create(
        ResourceType(plural: "secrets", kind: "Secret"), "late", ["stringData": ["url": "x"]])
      try await world.pod("waits") { $0.isReadyPod && !world.text("pid").isEmpty }
      let pid = try #require(Int32(world.text("pid").dropLast()))
      try await world.force("waits")
      #expect(try await world.waitUntilGone("waits", within: 5))
      #expect(try await world.waitUntilDead(pid), "the process outlived its pod")
    }
  }

  @Test func `a node that comes back after a loss runs its pods anew`() async throws {
    try await NodeWorld.with { world in
      var settings = world.settings
      settings.name = "node-b"
      settings.folder += "-b"
      settings.subnet.1 &+= 1
      let selector: JSONValue = ["kubernetes.io/hostname": "node-b"]
      let binder = PodBinder([settings], world.api, clock: world.clock)
      let run = { @Sendable (settings: NodeSettings, body: @Sendable () async throws -> Void) in
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask {
            try await NodeAgent(settings, world.api, clock: world.clock).run()
          }
          group.addTask { try await binder.run() }
          try await body()
          group.cancelAll()
        }
      }
      try await run(settings) {
        for (name, policy) in [("stays", "Always"), ("ends", "Never")] {
          try await world.run(
            name,
            [
              "nodeSelector": selector, "restartPolicy": .string(policy),
              "containers": [Self.container("main", "sleep 600")],
            ])
          try await world.pod(name) { $0.isReadyPod }
        }
      }
      let boot = try await world.client.get(ObjectReference(.nodes, "node-b"))?.body
        .value(at: "/status/nodeInfo/bootID")?.string
      #expect(boot == settings.bootID)
      let unseen = try await world.object(.pods, "stays")
      #expect(unseen?.isReadyPod == true, "nobody says that the node is gone")
      var again = NodeSettings(
        name: "node-b", folder: settings.folder, subnet: settings.subnet)
      again.images = settings.images
      again.mounts = settings.mounts
      try await run(again) {
        let pod = try await world.pod("stays") {
          $0.isReadyPod && $0.container()["restartCount"] == 1
        }
        #expect(
          pod.container().value(at: "/lastState/terminated/reason") == "ContainerStatusUnknown")
        try await world.pod("ends") { $0.phase == "Failed" }
      }
    }
  }
}
