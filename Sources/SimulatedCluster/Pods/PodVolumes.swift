import Glibc
import WindlassWire

/// The volumes of a pod as folders of this machine.
struct PodVolumes: Sendable {
  let pod: JSONValue
  /// The pod's own folder.
  let folder: String
  /// The folder of the node's claims.
  let claims: String
  /// ConfigMaps and Secrets of the namespace by `ConfigMap/NAME` and `Secret/NAME`.
  let sources: [String: JSONValue]
  let environment: ContainerEnvironment

  /// Names of the ConfigMaps and Secrets that a pod's variables and volumes take, as
  /// `ConfigMap/NAME` and `Secret/NAME`.
  static func sources(of pod: JSONValue) -> Set<String> {
    var names: Set<String> = []
    let add = { (kind: String, name: String) in
      if !name.isEmpty { names.insert("\(kind)/\(name)") }
    }
    for container in pod.list("spec", "initContainers") + pod.list("spec", "containers") {
      for entry in container.list("envFrom") {
        add("ConfigMap", entry.text("configMapRef", "name"))
        add("Secret", entry.text("secretRef", "name"))
      }
      for entry in container.list("env") {
        add("ConfigMap", entry.text("valueFrom", "configMapKeyRef", "name"))
        add("Secret", entry.text("valueFrom", "secretKeyRef", "name"))
      }
    }
    for volume in pod.list("spec", "volumes") {
      for part in [volume] + volume.list("projected", "sources") {
        add("ConfigMap", part.text("configMap", "name"))
        add("Secret", part.text("secret", "secretName"))
        add("Secret", part.text("secret", "name"))
      }
    }
    return names
  }

  /// Makes the folder of each volume and fills it; returns them by the volumes' names.
  ///
  /// - Throws: what can't be found or made, in the words of a status.
  func make() throws(StartFailure) -> [String: String] {
    var folders: [String: String] = [:]
    for volume in pod.list("spec", "volumes") {
      let name = volume.text("name")
      folders[name] = try make(volume, "\(folder)/volumes/\(name)")
    }
    return folders
  }

  private func make(_ volume: JSONValue, _ path: String) throws(StartFailure) -> String {
    if let claim = volume.at("persistentVolumeClaim", "claimName")?.string {
      let path = "\(claims)/\(pod.namespace)/\(claim)"
      try SmallFiles.makeFolder(path)
      return path
    }
    if let host = volume.at("hostPath", "path")?.string { return host }
    try SmallFiles.makeFolder(path)
    if volume["emptyDir"] != nil { return path }
    let parts = volume["projected"] == nil ? [volume] : volume.list("projected", "sources")
    for part in parts { try fill(path, from: part) }
    return path
  }

  private func fill(_ path: String, from part: JSONValue) throws(StartFailure) {
    for (kind, member) in [("ConfigMap", "configMap"), ("Secret", "secret")] {
      guard let wanted = part[member] else { continue }
      let own = wanted.text(kind == "Secret" ? "secretName" : "name")
      let name = own.isEmpty ? wanted.text("name") : own
      guard let source = sources["\(kind)/\(name)"] else {
        if wanted["optional"]?.bool == true { return }
        throw StartFailure(
          description: "MountVolume.SetUp failed: \(kind.lowercased()) \"\(name)\" not found")
      }
      try fill(path, from: source, kind, wanted)
      return
    }
    guard let fields = part["downwardAPI"] else {
      throw StartFailure(description: "this node knows no such volume: \(part.text)")
    }
    for item in fields.list("items") {
      let value = try environment.field(item.text("fieldRef", "fieldPath"))
      try write(Array(value.utf8), to: "\(path)/\(item.text("path"))", 0o644)
    }
  }

  private func fill(
    _ path: String, from source: JSONValue, _ kind: String, _ wanted: JSONValue
  ) throws(StartFailure) {
    var files: [String: [UInt8]] = [:]
    for member in source["data"]?.object ?? [] {
      let text = member.value.string ?? ""
      files[member.name] = kind == "Secret" ? Base64Text.bytes(text) : Array(text.utf8)
    }
    for member in source["binaryData"]?.object ?? [] {
      files[member.name] = Base64Text.bytes(member.value.string ?? "")
    }
    let usual = mode_t(wanted["defaultMode"]?.integer ?? 0o644)
    let items = wanted.list("items")
    guard !items.isEmpty else {
      for (name, bytes) in files { try write(bytes, to: "\(path)/\(name)", usual) }
      return
    }
    for item in items {
      guard let bytes = files[item.text("key")] else {
        throw StartFailure(
          description: "references non-existent config key: \(item.text("key"))")
      }
      let mode = item["mode"]?.integer.map { mode_t($0) } ?? usual
      try write(bytes, to: "\(path)/\(item.text("path"))", mode)
    }
  }

  private func write(_ bytes: [UInt8], to path: String, _ mode: mode_t) throws(StartFailure) {
    if let slash = path.lastIndex(of: "/") { try SmallFiles.makeFolder(String(path[..<slash])) }
    try SmallFiles.write(bytes, to: path, mode: mode)
    chmod(path, mode)
  }
}
