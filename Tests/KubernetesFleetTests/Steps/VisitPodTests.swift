import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// The pod in which a rehearsed server is put to its probes.
struct VisitPodTests {
  /// A workload's template with much that a rehearsed server must not have.
  static let template: JSONValue = [
    "metadata": ["labels": ["app": "beacon"], "annotations": ["secret-injector": "on"]],
    "spec": [
      "nodeName": "node-a", "hostNetwork": true, "hostPID": true, "priorityClassName": "high",
      "serviceAccountName": "beacon", "automountServiceAccountToken": true,
      "securityContext": ["runAsUser": 1_000, "fsGroup": 1_000],
      "nodeSelector": ["disk": "fast"], "imagePullSecrets": [["name": "registry"]],
      "affinity": [
        "podAntiAffinity": ["x": 1], "nodeAffinity": ["required": "zone"],
      ],
      "topologySpreadConstraints": [["maxSkew": 1]],
      "initContainers": [
        ["name": "proxy", "image": "proxy:1", "restartPolicy": "Always"],
        [
          "name": "config", "image": "tools:1",
          "env": [["name": "BEACON_DB", "value": "postgres://production"]],
        ],
      ],
      "containers": [
        ["name": "exporter", "image": "exporter:1"],
        [
          "name": "server", "image": "beacon:old", "args": ["serve"],
          "ports": [["containerPort": 8_080, "hostPort": 80]],
          "env": [
            [
              "name": "BEACON_DB",
              "valueFrom": ["secretKeyRef": ["name": "beacon-db", "key": "url"]],
            ], ["name": "MAIL", "value": "smtp.example"], ["name": "MODE", "value": "fast"],
          ],
          "livenessProbe": ["httpGet": ["path": "/live"]],
          "readinessProbe": ["httpGet": ["path": "/ready", "port": 8_080]],
          "startupProbe": ["exec": ["command": ["true"]]],
          "lifecycle": [
            "preStop": ["sleep": ["seconds": 15]], "postStart": ["exec": ["command": ["true"]]],
          ],
          "securityContext": ["privileged": true, "capabilities": ["add": ["NET_ADMIN"]]],
          "volumeMounts": [["name": "data", "mountPath": "/data"]],
        ],
      ],
      "volumes": [
        ["name": "data", "persistentVolumeClaim": ["claimName": "beacon-data"]],
        ["name": "host", "hostPath": ["path": "/var/run"]],
        ["name": "config", "configMap": ["name": "beacon"]],
        [
          "name": "tokens",
          "projected": [
            "sources": [["serviceAccountToken": ["path": "t"]], ["configMap": ["name": "ca"]]]
          ],
        ],
        ["name": "token", "projected": ["sources": [["serviceAccountToken": ["path": "t"]]]]],
      ],
    ],
  ]

  private static let changes: [(path: String, value: JSONValue?)] = [
    (
      "proof",
      [
        "scratchURLFrom": ["secretKeyRef": ["name": "scratch", "key": "url"]],
        "env": ["MAIL": "none"],
      ]
    ),
    ("fleet/deployment/port", 8_080),
  ]

  private func pod(
    _ question: VisitQuestion = Steps.question(), template: JSONValue = VisitPodTests.template,
    settings: (inout StepSettings) -> Void = { _ in }
  ) throws -> JSONValue {
    let job = StepJob(
      scope: try Steps.scope(Self.changes, settings: settings), order: .visit(question),
      attempt: 1, template: template)
    return try #require(job.object.body.value(at: "/spec/template"))
  }

  private func container(_ name: String, _ pod: JSONValue) throws -> JSONValue {
    let all = ["initContainers", "containers"].flatMap { pod["spec"]?[$0]?.array ?? [] }
    return try #require(all.first { $0["name"]?.string == name })
  }

  private func variable(_ name: String, _ container: JSONValue) -> JSONValue? {
    (container["env"]?.array ?? []).last { $0["name"]?.string == name }
  }

  @Test func `the network is shown to be closed before the server begins, beside its probes`()
    throws
  {
    let pod = try pod()
    let initial = (pod["spec"]?["initContainers"]?.array ?? [])
    #expect(initial.compactMap { $0["name"]?.string } == ["isolate", "config", "server"])
    #expect(initial.map { $0["restartPolicy"]?.string } == [nil, nil, "Always"])
    #expect(
      pod["spec"]?["containers"]?.array?.compactMap { $0["name"]?.string } == ["step"])
    #expect(pod.value(at: "/spec/restartPolicy") == "Never")
    let words = (initial[0]["args"]?.array ?? []).compactMap(\.string)
    #expect(words.contains(StepOrder.isolate(["10.0.0.1:5432"]).text))
    // A person's waiver asks for no isolation.
    var open = Steps.question()
    open.forbidden = nil
    let names = try self.pod(open).value(at: "/spec/initContainers")?.array ?? []
    #expect(names.compactMap { $0["name"]?.string } == ["config", "server"])
  }

  @Test func `the server is the release's, on the copy, without what reaches out`() throws {
    let pod = try pod()
    let server = try container("server", pod)
    #expect(server["image"] == .string(Steps.question().image))
    #expect(server["args"] == ["serve"])
    for gone in ["livenessProbe", "readinessProbe", "startupProbe"] { #expect(server[gone] == nil) }
    #expect(server.value(at: "/lifecycle/preStop") == nil)
    #expect(server.value(at: "/lifecycle/postStart") != nil)
    #expect(server.value(at: "/ports/0") == ["containerPort": 8_080])
    #expect(server["terminationMessagePolicy"] == "FallbackToLogsOnError")
    let security = try #require(server["securityContext"])
    #expect(security["privileged"] == nil)
    #expect(security["allowPrivilegeEscalation"] == false)
    #expect(security["capabilities"] == ["drop": ["ALL"]])
    for name in ["server", "config"] {
      let copy = variable("BEACON_DB", try container(name, pod))
      #expect(copy?.value(at: "/valueFrom/secretKeyRef") == ["name": "scratch", "key": "url"])
    }
    #expect(variable("MAIL", server)?["value"] == "none")
    #expect(variable("MODE", server)?["value"] == "fast")
    #expect(!pod.text.contains("postgres://production"))
    #expect(!pod.text.contains("beacon-db"))
  }

  @Test func `the pod is nobody's: no label, token, place, host or data of the workload`() throws {
    let pod = try pod()
    let spec = try #require(pod["spec"])
    #expect(pod.value(at: "/metadata/labels/app") == nil)
    #expect(pod.value(at: "/metadata/annotations/secret-injector") == nil)
    #expect(pod.value(at: "/metadata/labels/windlass.dev~1step") == "visit")
    #expect(spec["automountServiceAccountToken"] == false)
    #expect(spec["serviceAccountName"] == "windlass-step")
    for gone in [
      "nodeName", "hostNetwork", "hostPID", "priorityClassName", "topologySpreadConstraints",
    ] {
      #expect(spec[gone] == nil, "\(gone)")
    }
    #expect(spec["nodeSelector"] == ["disk": "fast"])
    #expect(spec["affinity"] == ["nodeAffinity": ["required": "zone"]])
    #expect(spec["imagePullSecrets"] == [["name": "registry"]])
    #expect(spec.value(at: "/securityContext/seccompProfile/type") == "RuntimeDefault")
    #expect(spec.value(at: "/securityContext/runAsUser") == 1_000)
    let volumes = spec["volumes"]?.array ?? []
    let kind = { (name: String) in
      (volumes.first { $0["name"]?.string == name }?.object ?? []).map(\.name).filter {
        $0 != "name"
      }
    }
    #expect(kind("data") == ["emptyDir"] && kind("host") == ["emptyDir"])
    #expect(kind("token") == ["emptyDir"] && kind("config") == ["configMap"])
    #expect(kind("tokens") == ["projected"])
    #expect(!pod.text.contains("serviceAccountToken"))
    #expect(!pod.text.contains("persistentVolumeClaim"))
    #expect(spec["shareProcessNamespace"] == false)
  }

  @Test func `the probes' container is Windlass's own, restricted, and knows where to ask`() throws
  {
    let step = try container("step", try pod())
    #expect(step["image"] == .string("registry.example/windlass@sha256:\(Steps.digest)"))
    let security = try #require(step["securityContext"])
    #expect(security["runAsNonRoot"] == true && security["runAsUser"] == 65_532)
    #expect(security["readOnlyRootFilesystem"] == true)
    #expect(security.value(at: "/capabilities/drop") == ["ALL"])
    #expect(security.value(at: "/seccompProfile/type") == "RuntimeDefault")
    #expect(variable(StepVariables.serverPort, step)?["value"] == "8080")
    #expect(variable(StepVariables.readinessPath, step)?["value"] == "/ready")
    #expect(
      variable(StepVariables.serverAddress, step)?.value(at: "/valueFrom/fieldRef/fieldPath")
        == "status.podIP")
    #expect(
      variable(StepVariables.scratch, step)?.value(at: "/valueFrom/secretKeyRef/name")
        == "scratch")
  }

  @Test func `a copy that is a file is all of the volume that is seen`() throws {
    var question = Steps.question()
    question.copyURL = "sqlite:///var/lib/windlass/volume/beacon/scratch/beacon-1-migrated.db"
    question.copyFolder = "beacon/scratch"
    let pod = try pod(question) { $0.node = "node-a" }
    let mount: JSONValue = [
      "name": "windlass-copies", "mountPath": "/var/lib/windlass/volume/beacon/scratch",
      "subPath": "beacon/scratch",
    ]
    for name in ["server", "step"] {
      let container = try container(name, pod)
      #expect(container["volumeMounts"]?.array?.contains(mount) == true)
    }
    let server = try container("server", pod)
    #expect(variable("BEACON_DB", server)?["value"] == .string(question.copyURL ?? ""))
    #expect(variable(StepVariables.scratch, try container("step", pod)) == nil)
    let claims = (pod.value(at: "/spec/volumes")?.array ?? []).filter {
      $0["persistentVolumeClaim"] != nil
    }
    #expect(claims.compactMap { $0["name"]?.string } == ["windlass-copies"])
    #expect(pod.value(at: "/spec/shareProcessNamespace") == true)
    #expect(pod.value(at: "/spec/affinity/nodeAffinity") != nil)
  }

  @Test func `a server that runs as root keeps what it needs to begin`() throws {
    let template = Self.template.setting(["spec", "securityContext"], to: nil)
    let server = try container("server", try pod(template: template))
    #expect(server.value(at: "/securityContext/capabilities/drop") == nil)
    #expect(server.value(at: "/securityContext/capabilities/add") == nil)
  }
}
